-- materialized: view
-- grain: id
-- depends: outreach_costs
-- description: What each customer of a legal department cost.
select id, firstname, lastname, username, sum_cost
from modelled.outreach_costs;
