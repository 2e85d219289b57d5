import type { SourceColumn } from './bill-file.ts';
import { sqlName, sqlText } from './sql-text.ts';

/** A tag column of a CUR under the key that users know. */
export type TagColumn = { readonly key: string; readonly column: SourceColumn };

/**
 * Tag columns of a CUR. A CSV header has the key as it is: `resourceTags/user:CostCenter` is `CostCenter`,
 * `resourceTags/aws:createdBy` stays `aws:createdBy`. Parquet and Athena text have lost the key's case and
 * punctuation: `resource_tags_user_cost_center` becomes `CostCenter` (the words in PascalCase),
 * `resource_tags_aws_created_by` what AWS calls it.
 */
export function tagColumns(columns: readonly SourceColumn[]): readonly TagColumn[] {
  return columns.flatMap((column) => {
    const key = tagKey(column.name);
    return key === null ? [] : [{ key, column }];
  });
}

function tagKey(name: string): string | null {
  const inCsv = /^resourceTags\/(?:user:)?(.+)$/i.exec(name)?.[1];
  if (inCsv !== undefined) return inCsv.trim();
  const ofUser = /^resource_tags_user_(.+)$/.exec(name)?.[1];
  if (ofUser !== undefined) return wordsOf(ofUser).map(capitalised).join('');
  const ofAws = /^resource_tags_(?:aws_)?(.+)$/.exec(name)?.[1];
  return ofAws === undefined ? null : (awsTagKeys.get(ofAws) ?? `aws:${camelCase(ofAws)}`);
}

/** Tags that AWS makes, whose keys do not follow from the column. */
const awsTagKeys: ReadonlyMap<string, string> = new Map([
  ['autoscaling_group_name', 'aws:autoscaling:groupName'],
  ['cloudformation_logical_id', 'aws:cloudformation:logical-id'],
  ['cloudformation_stack_id', 'aws:cloudformation:stack-id'],
  ['cloudformation_stack_name', 'aws:cloudformation:stack-name'],
  ['ec2launchtemplate_id', 'aws:ec2launchtemplate:id'],
  ['ec2launchtemplate_version', 'aws:ec2launchtemplate:version'],
  ['ec2spot_fleet_request_id', 'aws:ec2spot:fleet-request-id'],
  ['ecs_cluster_name', 'aws:ecs:clusterName'],
  ['ecs_service_name', 'aws:ecs:serviceName'],
  ['eks_cluster_name', 'aws:eks:cluster-name'],
  ['elasticmapreduce_instance_group_role', 'aws:elasticmapreduce:instance-group-role'],
  ['elasticmapreduce_job_flow_id', 'aws:elasticmapreduce:job-flow-id'],
]);

function camelCase(name: string): string {
  const [first = '', ...rest] = wordsOf(name);
  return first + rest.map(capitalised).join('');
}

function wordsOf(name: string): string[] {
  return name.split('_').filter((word) => word !== '');
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/**
 * SQL of the tags as JSON text with sorted keys, or null; `aliasOf` says under which name a tag's column is read.
 * Where two columns have one key, the first that has a value wins.
 */
export function tagsJson(tags: readonly TagColumn[], aliasOf: (tag: TagColumn) => string): string {
  const byKey = Map.groupBy(tags, ({ key }) => key);
  if (byKey.size === 0) return 'CAST(NULL AS VARCHAR)';
  const members = [...byKey]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, columns]) => {
      const value = `coalesce(${columns.map((tag) => sqlName(aliasOf(tag))).join(', ')})`;
      return `CASE WHEN ${value} IS NOT NULL THEN ${sqlText(`${JSON.stringify(key)}:`)} || CAST(to_json(${value}) AS VARCHAR) END`;
    });
  return `'{' || nullif(concat_ws(',', ${members.join(', ')}), '') || '}'`;
}
