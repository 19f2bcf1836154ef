# SPDX-License-Identifier: Apache-2.0
"""Collectors of OSProfiler in Python: what docs/drivers.md and docs/python.md say of them."""

import logging
import pathlib
import re
import unittest

import redis
from oslo_config import cfg
from osprofiler import opts
from osprofiler.drivers import base

TOP = pathlib.Path(__file__).resolve().parents[2]
ADDRESS = "127.0.0.1:1"
POINT = {"base_id": "b", "trace_id": "t", "parent_id": "p", "name": "db-start",
         "timestamp": "2026-11-22T22:15:58.000001", "project": "p", "service": "s", "host": "h"}

logging.getLogger("osprofiler").addHandler(logging.NullHandler())


def has_driver(scheme):
    """Does the library know this scheme? Whatever else fails, it looked for it."""
    try:
        base.get_driver(f"{scheme}://{ADDRESS}/x")
    except ValueError as error:
        return "Driver not found" not in str(error)
    except Exception:
        pass
    return True


class Collectors(unittest.TestCase):
    def test_schemes(self):
        table = (TOP / "docs/drivers.md").read_text().split("| Python too |\n", 1)[1].split("\n\n", 1)[0]
        seen = 0
        for row in table.splitlines()[1:]:
            cells = re.split(r" \| ", row.strip("| "))
            ours = set(re.findall(r"([a-z]+(?:\+[a-z]+)?)://", cells[0]))
            python = set(re.findall(r"`([a-z]+)://`", cells[-1]))

            self.assertTrue(python or cells[-1] == "no", row)
            self.assertLessEqual(python, ours, row)
            for scheme in ours:
                seen += 1
                with self.subTest(scheme):
                    self.assertEqual(has_driver(scheme), scheme in python)
        self.assertGreater(seen, 10)

    def test_redis_that_is_down(self):
        """A point that cannot be stored fails the request."""
        conf = cfg.ConfigOpts()
        opts.set_defaults(conf)
        driver = base.get_driver(f"redis://{ADDRESS}", conf=conf)
        with self.assertRaises(redis.exceptions.ConnectionError):
            driver.notify(dict(POINT))

    def test_databases_that_are_down(self):
        """They log it."""
        for scheme in "postgresql", "mysql":
            with self.subTest(scheme), self.assertLogs("osprofiler", "ERROR"):
                base.get_driver(f"{scheme}://u@{ADDRESS}/x").notify(dict(POINT))


if __name__ == "__main__":
    unittest.main()
