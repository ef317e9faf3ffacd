"""Each section of AWS's behaviour that code, tests or documentation cite has its heading."""

from __future__ import annotations

import re
import subprocess

from tests.docs.markdown import ROOT, headings

PAGE = ROOT / "localstack" / "wsgate" / "docs" / "aws-behaviour.md"
CITATION = re.compile(r"aws-behaviour\.md ((?:§\d+(?:\.\d+)?(?:-|, | to | and )?)+)")


def test_each_cited_section_has_its_heading() -> None:
    sections = {heading.split()[0].rstrip(".") for heading in headings(PAGE)}
    command = ["git", "grep", "-nI", r"aws-behaviour\.md §"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    cited = [
        (line.partition(" ")[0], section)
        for line in found.stdout.splitlines()
        for citation in CITATION.findall(line)
        for section in re.findall(r"§(\d+(?:\.\d+)?)", citation)
    ]
    assert len(cited) > 100
    assert not [(place, section) for place, section in cited if section not in sections]
