"""The steps of migrations_apply_on_clean_db.sh that need the project's models.

usage: check_models.py URL empty | models MODULE:NAME | enum TYPE=MODULE:NAME
"""

import enum
import functools
import importlib
import os
import sys

import sqlalchemy


def named(path):
    """What MODULE:NAME stands for."""
    module, _, name = path.partition(":")
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def check_empty(connection):
    found = connection.execute(
        sqlalchemy.text(
            "SELECT c.oid::regclass::text FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1 LIMIT 5"
        )
    ).scalars().all()
    return [f"there is {name} already; give it an empty database" for name in found]


def check_models(connection, metadata):
    defects = []
    for table in metadata.tables.values():
        try:
            with connection.begin_nested():
                connection.execute(sqlalchemy.select(table).limit(0))
        except sqlalchemy.exc.DBAPIError as error:
            defects.append(f"{table.fullname}: {str(error.orig).splitlines()[0]}")
    return defects if metadata.tables else ["the metadata has no tables"]


def code_labels(labels):
    if isinstance(labels, type) and issubclass(labels, enum.Enum):
        return [str(member.value) for member in labels]
    return [str(label) for label in getattr(labels, "enums", labels)]


def check_enum(connection, type_name, labels):
    wanted = code_labels(labels)
    there = connection.execute(
        sqlalchemy.text(
            "SELECT enumlabel FROM pg_enum WHERE enumtypid = to_regtype(:name)"
            " ORDER BY enumsortorder"
        ),
        {"name": type_name},
    ).scalars().all()
    if not there:
        return [f"{type_name}: the database has no such enum"]
    return [
        f"{type_name}: the code has '{label}', the database does not"
        for label in wanted
        if label not in there
    ] + [
        f"{type_name}: the database has '{label}', the code does not"
        for label in there
        if label not in wanted
    ]


def main(url, what, *rest):
    sys.path.insert(0, os.getcwd())
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        if what == "empty":
            defects = check_empty(connection)
        elif what == "models":
            defects = check_models(connection, named(rest[0]))
        else:
            type_name, _, path = rest[0].partition("=")
            defects = check_enum(connection, type_name, named(path))
    for defect in defects:
        print("   " + defect)
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
