-- materialized: view
-- grain: user_id
-- depends: raw.users, commits_by_committer, issues_by_user
-- description: Commits (as committer) and issues of each user that the commits
--   name.
select
	u.user_id,
	u.user_name,
	u.user_email,
	coalesce(c.commit_count, 0) as commit_count,
	coalesce(i.issue_count, 0) as issue_count
from raw.users u
left join modelled.commits_by_committer c on c.committer_id = u.user_id
left join modelled.issues_by_user i on i.user_id = u.user_id;
