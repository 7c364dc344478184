-- materialized: incremental
-- grain: committer_id
-- rows: commit_count
-- depends: raw.commits
-- description: Commits of each committer.
select committer_id, count(*) as commit_count
from raw.commits
group by 1;
