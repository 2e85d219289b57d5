"""read-with-pyiceberg.py METADATA_FILE FILTER...: what pyiceberg makes of a table, as JSON.

Prints the current state, each retained snapshot, and for each row filter the files it would read.
"""
import json
import sys

import pyarrow.compute as pc
from pyiceberg.table import StaticTable


def totals(rows):
    return {
        "rows": rows.num_rows,
        "cost": f"{pc.sum(rows['cost']).as_py():f}",
        "services": sorted(filter(None, rows["service"].unique().to_pylist())),
        "latest": pc.max(rows["charged_at"]).as_py().isoformat(),
    }


def planned(table, row_filter):
    tasks = table.scan(row_filter=row_filter).plan_files()
    return sorted(task.file.file_path.split("/")[-1] for task in tasks)


table = StaticTable.from_metadata(sys.argv[1])
files = table.inspect.files().select(["file_path", "record_count", "readable_metrics"]).to_pylist()
print(
    json.dumps(
        {
            "columns": {field.name: [field.field_id, str(field.field_type)] for field in table.schema().fields},
            "now": totals(table.scan().to_arrow()),
            "snapshots": [totals(table.scan(snapshot_id=s.snapshot_id).to_arrow()) for s in table.snapshots()],
            "operations": [s.summary.operation.value for s in table.snapshots()],
            "planned": [planned(table, row_filter) for row_filter in sys.argv[2:]],
            "bounds": {
                file["file_path"].split("/")[-1]: [
                    f"{file['readable_metrics']['cost']['lower_bound']:f}",
                    f"{file['readable_metrics']['cost']['upper_bound']:f}",
                    file["readable_metrics"]["service"]["upper_bound"],
                ]
                for file in files
            },
        }
    )
)
