#!/usr/bin/env python3
"""Renews the tables of docs/config.md from the models that validate the file."""

from pathlib import Path

from comporta.config.reference import renewed

PAGE = Path(__file__).parent.parent / "docs" / "config.md"
PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
