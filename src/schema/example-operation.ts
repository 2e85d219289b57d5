/** What the explorer opens with: an answer over the sample bills, with its proof. */
export const EXAMPLE_OPERATION = `# Costs of a month by service, exact to the last digit. Press the play button.
# The documentation of every field is behind the book icon.
query CostsByService {
  costs(
    query: {
      period: { month: "2018-10" }
      groupBy: ["service_name"]
      orderBy: [{ metric: { metric: EFFECTIVE_COST } }]
      top: { count: 10 }
    }
  ) {
    currency
    rows {
      nodes {
        keys {
          label
        }
        effectiveCost
        share
        chargeCount
      }
    }
    totals {
      effectiveCost
    }
    conservation {
      source
      attributed
      unattributed
      holds
    }
    version
  }
}
`;
