/* roles.c - who may come in: the two roles of the design, the logins of the
 * settings. */
#include "cli/connect.h"
#include "cli/migrate.h"

#include <stdlib.h>
#include <string.h>

static bool answers_true(struct db *db, const char *sql, const char *value,
	bool *yes, struct err *err)
{
	struct db_result *result = NULL;

	if (!db_query(db, sql, 1, &value, &result, err))
		return false;
	*yes = db_rows(result) == 1 && strcmp(db_value(result, 0, 0), "t") == 0;
	db_result_free(result);
	return true;
}

static bool role_exists(struct db *db, const char *name, bool *exists,
	struct err *err)
{
	return answers_true(db,
		"select exists (select from pg_roles where rolname = $1)", name,
		exists, err);
}

/* "create role X" and the like: a statement around one or two names. */
static bool run_on(struct migration *migration, const char *before,
	const char *name, const char *between, const char *other,
	struct err *err)
{
	struct buf sql = { 0 };
	bool ok = buf_add_str(&sql, before, err) &&
		sql_add_ident(&sql, name, err) &&
		buf_add_str(&sql, between, err) &&
		(other == NULL || sql_add_ident(&sql, other, err)) &&
		migration_run(migration, sql.data, err);

	buf_clear(&sql);
	return ok;
}

static bool make_role(struct migration *migration, const char *name,
	const char *attributes, bool *made, struct err *err)
{
	bool exists;

	if (!role_exists(migration->db, name, &exists, err))
		return false;
	*made = !exists;
	if (exists)
		return true;
	migration_say(migration, "role %s: made", name);
	return run_on(migration, "create role ", name, attributes, NULL, err);
}

/* Does the password of the settings open a session? */
static bool login_works(const struct config *config,
	const struct account *account)
{
	struct err ignored = { 0 };
	struct db *db = connect_db(config, account, true, 0, &ignored);

	db_close(db);
	return db != NULL;
}

static bool set_password(struct migration *migration,
	const struct account *account, struct err *err)
{
	struct buf password = { 0 }, sql = { 0 };
	char *verifier = NULL;
	bool ok = config_password(account, &password, err);

	if (ok && password.len > 0) {
		verifier = db_password_verifier(migration->db, account->user,
			password.data, err);
		ok = verifier != NULL &&
			buf_add_str(&sql, "alter role ", err) &&
			sql_add_ident(&sql, account->user, err) &&
			buf_add_str(&sql, " login password ", err) &&
			sql_add_literal(&sql, verifier, err) &&
			db_exec(migration->db, sql.data, err) &&
			buf_printf(migration->sql, err,
				"-- alter role %s login password ... (a SCRAM "
				"verifier, not shown)\n", account->user);
		migration_say(migration, "role %s: password set",
			account->user);
	}
	free(verifier);
	buf_clear(&password);
	buf_clear(&sql);
	return ok;
}

static bool grant_connect(struct migration *migration, const char *role,
	const char *rights, struct err *err)
{
	struct buf sql = { 0 };
	bool yes = false;
	bool ok = answers_true(migration->db,
		"select has_database_privilege($1, current_database(),"
		" 'connect')"
		" and not exists (select from pg_database d,"
		"  aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
		"  where d.datname = current_database() and a.grantee = 0)",
		role, &yes, err);

	if (ok && !yes) {
		ok = buf_add_str(&sql, "revoke all on database ", err) &&
			sql_add_ident(&sql, migration->config->database_name,
				err) &&
			buf_printf(&sql, err, " from public;\ngrant %s on "
				"database ", rights) &&
			sql_add_ident(&sql, migration->config->database_name,
				err) &&
			buf_add_str(&sql, " to ", err) &&
			sql_add_ident(&sql, role, err) &&
			buf_add_str(&sql, ";", err) &&
			migration_run(migration, sql.data, err);
	}
	buf_clear(&sql);
	return ok;
}

/* The account's login, as a member of the role when it has another name. */
static bool apply_login(struct migration *migration, const char *role,
	const struct account *account, struct err *err)
{
	bool made, ok = true;

	if (strcmp(account->user, role) != 0)
		ok = make_role(migration, account->user, " login", &made,
			     err) &&
			run_on(migration, "grant ", role, " to ",
				account->user, err);
	if (ok && !login_works(migration->config, account))
		ok = set_password(migration, account, err);
	return ok;
}

static bool apply_role(struct migration *migration, const char *role,
	const char *rights, const struct account *account, struct err *err)
{
	const bool is_login = strcmp(account->user, role) == 0;
	bool made;

	return make_role(migration, role, is_login ? " login" : " nologin",
		       &made, err) &&
		grant_connect(migration, role, rights, err) &&
		apply_login(migration, role, account, err);
}

bool roles_apply(struct migration *migration, struct err *err)
{
	/* the loader's sessions keep changed rows in temporary tables */
	return (apply_role(migration, "sluice_loader", "connect, temporary",
			&migration->config->loader, err) &&
		       apply_role(migration, "sluice_reader", "connect",
			       &migration->config->reader, err)) ||
		err_wrap(err, "roles");
}
