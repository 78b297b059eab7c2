"""What somebody else has put where comporta writes is replaced, not followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from comporta.drivers.routers.home import write


@pytest.mark.parametrize("planted", ["nginx.conf", ".nginx.conf.new"])
def test_a_link_that_stands_in_its_place_is_replaced_not_followed(tmp_path: Path, planted: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / planted).symlink_to(victim)
    write(tmp_path / "nginx.conf", b"ours", mode=0o600)
    assert victim.read_text() == "precious"
    assert not (tmp_path / "nginx.conf").is_symlink()
    assert (tmp_path / "nginx.conf").read_bytes() == b"ours"
    assert (tmp_path / "nginx.conf").stat().st_mode & 0o777 == 0o600
