-- materialized: view
-- grain: customer_username
-- depends: purchases_by_customer
-- description: The revenue of each customer.
select customer_username, total_net_price
from modelled.purchases_by_customer;
