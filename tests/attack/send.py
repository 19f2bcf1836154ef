#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the statements of a JSON file to PostgreSQL or SQLite.

Each statement is a list: how it is sent (simple: psycopg2; extended: psycopg 3;
sqlite), its text, its parameters. What fails fails: that is part of the attack.
"""
import json
import sqlite3
import sys


def send_simple(statements):
    import psycopg2

    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET statement_timeout = '2s'")
    for text, _ in statements:
        try:
            cursor.execute(text)
        except psycopg2.Error:
            pass
        cursor.execute("ROLLBACK")
    connection.close()


def send_extended(statements):
    import psycopg

    connection = psycopg.connect("", autocommit=True)
    connection.execute("SET statement_timeout = '2s'")
    for i, (text, parameters) in enumerate(statements):
        try:
            connection.execute(text, parameters or None, prepare=i % 2 == 0)
        except psycopg.Error:
            pass
        connection.execute("ROLLBACK")
    connection.close()


def send_sqlite(statements):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE secrets (name, password, token, api_key)")
    connection.execute("CREATE VIRTUAL TABLE found USING fts5(x)")
    connection.enable_load_extension(True)
    for text, parameters in statements:
        try:
            if parameters:
                connection.execute(text, parameters)
            else:
                connection.executescript(text)
        except (sqlite3.Error, sqlite3.Warning):
            pass


def main():
    send = {"simple": send_simple, "extended": send_extended, "sqlite": send_sqlite}
    with open(sys.argv[1], encoding="utf-8") as file:
        statements = json.load(file)
    for how, function in send.items():
        chosen = [(text, parameters) for h, text, parameters in statements if h == how]
        if chosen:
            function(chosen)


main()
