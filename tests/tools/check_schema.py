"""check_schema.py SCHEMA FILE [lines]: validates a document, or each line of a file.

A key that the schema does not name is an error here, though not for its readers: what is printed
is to be documented.
"""
import json
import sys

from jsonschema import Draft202012Validator


def closed(schema):
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "required" in schema:
        schema["additionalProperties"] = False
    return schema


schema = json.load(open(sys.argv[1], encoding="utf-8"))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(closed(schema))
text = open(sys.argv[2], encoding="utf-8").read()
documents = text.splitlines() if "lines" in sys.argv[3:] else [text]
if not documents:
    sys.exit("nothing to validate")
failed = False
for document in documents:
    for error in validator.iter_errors(json.loads(document)):
        failed = True
        print("/".join(map(str, error.absolute_path)), error.message[:500])
sys.exit(1 if failed else 0)
