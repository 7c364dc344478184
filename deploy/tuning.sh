# shellcheck shell=bash
# tuning.sh - settings of the two servers that are the same wherever they run,
# beside a loader: on this machine or in containers. Needs lib.sh.

# What this machine has, or what its container may take.
megabytes_of_memory() {
	local kib limit file
	kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
	for file in /sys/fs/cgroup/memory.max \
		/sys/fs/cgroup/memory/memory.limit_in_bytes; do
		limit=$(cat -- "$file" 2>/dev/null) || continue
		case $limit in '' | *[!0-9]* | ?????????????????*) continue ;; esac
		[ $((limit / 1024)) -ge "$kib" ] || kib=$((limit / 1024))
	done
	printf '%s\n' $((kib / 1024))
}

between() { # LOW VALUE HIGH
	printf '%s\n' $(($2 < $1 ? $1 : $2 > $3 ? $3 : $2))
}

# For bulk loading, the memory shared with the broker.
pg_tuning() {
	local memory
	memory=$(megabytes_of_memory)
	cat <<-END
	max_connections = 100
	password_encryption = 'scram-sha-256'
	timezone = 'UTC'
	shared_buffers = $(between 128 $((memory / 6)) 2048)MB
	effective_cache_size = $(between 256 $((memory / 2)) 65536)MB
	work_mem = 16MB
	maintenance_work_mem = $(between 64 $((memory / 16)) 512)MB
	wal_buffers = 16MB
	wal_compression = lz4
	min_wal_size = 256MB
	max_wal_size = 4GB
	checkpoint_timeout = 15min
	checkpoint_completion_target = 0.9
	jit = off
	random_page_cost = 1.1
	log_timezone = 'UTC'
	log_line_prefix = '%m [%p] %q%u@%d %a '
	END
}

# The statements that make the owner's role and database; the rest is made by
# `sluice apply`. For psql as the superuser.
pg_owner_sql() { # PASSWORD
	cat <<-END
	\set password '$1'
	select 'create role sluice_owner' where not exists (
		select from pg_roles where rolname = 'sluice_owner') \gexec
	alter role sluice_owner login createrole createdb password :'password';
	select 'create database sluice owner sluice_owner' where not exists (
		select from pg_database where datname = 'sluice') \gexec
	END
}

mq_tuning() { # PASSWORD OF THE ADMINISTRATOR
	cat <<-END
	default_user = sluice_admin
	default_pass = $1
	default_user_tags.administrator = true
	raft.wal_max_size_bytes = 67108864
	vm_memory_high_watermark.relative = 0.3
	disk_free_limit.absolute = 256MB
	END
}
