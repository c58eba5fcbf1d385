"""The database refuses to change or delete links of the chain, whoever asks."""

from django.db import migrations

TABLE = "accounts_auditlink"
SENTENCE = "the chain over the audit trail is append-only"

SQLITE = [
    f"""
    CREATE TRIGGER chain_no_{verb.lower()} BEFORE {verb} ON {TABLE}
    BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END
    """
    for verb in ("UPDATE", "DELETE")
]
POSTGRESQL = [
    f"CREATE TRIGGER chain_append_only BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    f"CREATE TRIGGER chain_no_truncate BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
]
UNDO = {
    "sqlite": ["DROP TRIGGER chain_no_update", "DROP TRIGGER chain_no_delete"],
    "postgresql": [f"DROP TRIGGER chain_append_only ON {TABLE}", f"DROP TRIGGER chain_no_truncate ON {TABLE}"],
}


def forbid(apps, schema_editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def allow(apps, schema_editor):
    for statement in UNDO[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_chain_over_the_audit_trail")]
    operations = [migrations.RunPython(forbid, allow)]
