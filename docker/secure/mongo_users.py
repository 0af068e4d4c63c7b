"""Makes MongoDB's users, or gives them the passwords that are in files now.

Run it on the server's own loopback: there the first user of a new server may be made without a
login, and nowhere else. ``mongo_users.py FOLDER [HOST:PORT]``; FOLDER has ``mongo-admin-password``,
those before it, ``mongo-ca.pem``, and of each role ``mongo-ROLE-uri`` with user and password.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_userinfo

ADMIN = "admin"
DATABASE = "walmart"
STARTS_WITHIN = 60.0
AUTHENTICATION_FAILED = 18
# No role of ours may drop, delete or rename anything.
ACTIONS = {
    "release": ["createIndex", "createCollection"],
    "worker": ["find", "insert", "update", "createIndex"],
    "reader": ["find"],
}

Server = MongoClient[dict[str, Any]]


def connected(address: str, ca: Path, **login: Any) -> Server:
    return MongoClient(
        f"mongodb://{address}/",
        directConnection=True,
        tls=True,
        tlsCAFile=str(ca),
        serverSelectionTimeoutMS=int(STARTS_WITHIN * 1000),
        **login,
    )


def administrator(address: str, ca: Path, passwords: Sequence[str]) -> Server:
    """A client that is logged in with the first of *passwords* that the server takes.

    The server is given the first of them, also if it has no user yet.

    Raises:
        PyMongoError: it is away, or takes none of them.
    """
    for password in passwords:
        client = connected(
            address,
            ca,
            username=ADMIN,
            password=password,
            authSource="admin",
            # Of a user that it does not have, the server says that it wants the older one.
            authMechanism="SCRAM-SHA-256",
        )
        try:
            client.admin.command("usersInfo", ADMIN)
        except OperationFailure as exc:
            client.close()
            if exc.code != AUTHENTICATION_FAILED:
                raise
            continue
        if password != passwords[0]:
            client.admin.command("updateUser", ADMIN, pwd=passwords[0])
        return client
    with connected(address, ca) as client:
        # Refused where there is a user already, whose password we do not have then.
        client.admin.command("createUser", ADMIN, pwd=passwords[0], roles=["root"])
    return administrator(address, ca, passwords[:1])


def give(database: Database[dict[str, Any]], role: str, password: str) -> None:
    """Make the role and the user *role*, or make them what they should be."""
    privileges = [{"resource": {"db": database.name, "collection": ""}, "actions": ACTIONS[role]}]
    exists = database.command("rolesInfo", role)["roles"]
    database.command(
        "updateRole" if exists else "createRole", role, privileges=privileges, roles=[]
    )
    exists = database.command("usersInfo", role)["users"]
    database.command("updateUser" if exists else "createUser", role, pwd=password, roles=[role])


def password_of(uri: str, user: str) -> str:
    """The password in a connection string.

    Raises:
        ValueError: the string is for another user.
    """
    name, password = parse_userinfo(uri.partition("://")[2].rpartition("@")[0])
    if name != user:
        raise ValueError(f"the connection string of {user} is not for that user")
    return str(password)


def run(folder: Path, address: str) -> None:
    def text(name: str) -> str:
        return (folder / name).read_text(encoding="ascii").strip()

    passwords = [text("mongo-admin-password"), *text("mongo-admin-passwords-before").split()]
    with administrator(address, folder / "mongo-ca.pem", passwords) as client:
        for role in ACTIONS:
            give(client[DATABASE], role, password_of(text(f"mongo-{role}-uri"), role))
            print(f"MongoDB: {role} has its password and its permissions")


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:27017")
    except (PyMongoError, OSError, ValueError) as exc:
        sys.exit(f"MongoDB: {type(exc).__name__}: {exc}")
