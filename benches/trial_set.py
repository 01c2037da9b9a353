"""Makes the definitions that the benchmarks publish: the same for every peer, from a fixed seed.

The set holds 1,000,000 SHA-256 lines, 100,000 lines of ClamAV's extended format, and the YARA rules
of the test data that libclamav takes without complaint (it lacks modules and external variables).
"""

import concurrent.futures
import multiprocessing
import random
import shutil
import subprocess
from pathlib import Path

HASHES = 1_000_000
EXTENDED = 100_000
SEED = 20261122


def make(folder: Path, rules: Path, hashes: int = HASHES, extended: int = EXTENDED) -> Path:
    """Makes the set in a folder, or finds it there from an earlier run."""
    done = folder / ".complete"
    if done.exists():
        return folder / "files"
    shutil.rmtree(folder, ignore_errors=True)
    files = folder / "files"
    files.mkdir(parents=True)
    generator = random.Random(SEED)
    _write(files / "trial.hsb", hashes, lambda n: _hash_line(generator, n))
    _write(files / "trial.ndb", extended, lambda n: _extended_line(generator, n))
    _rules(files / "sigbase.yara", rules)
    done.touch()
    return files


def change(files: Path, target: Path, share: float = 0.001, seed: int = 1) -> None:
    """Copies the set and replaces a share of its lines, spread at random.

    In a process of its own: what this one once held counts as memory of every child that it measures.
    """
    worker = multiprocessing.get_context("spawn").Process(target=_change, args=(files, target, share, seed))
    worker.start()
    worker.join()
    if worker.exitcode != 0:
        raise SystemExit("the changed set could not be made")


def _change(files: Path, target: Path, share: float, seed: int) -> None:
    shutil.copytree(files, target, dirs_exist_ok=True)
    generator = random.Random(SEED + seed)
    for name, line in (("trial.hsb", _hash_line), ("trial.ndb", _extended_line)):
        lines = (target / name).read_text().splitlines(keepends=True)
        for place in generator.sample(range(len(lines)), int(len(lines) * share)):
            lines[place] = line(generator, place)
        (target / name).write_text("".join(lines))


def _write(path: Path, count: int, line) -> None:
    with path.open("w") as out:
        out.writelines(line(n) for n in range(count))


def _hash_line(generator: random.Random, n: int) -> str:
    return f"{generator.randbytes(32).hex()}:{generator.randrange(1_000, 9_000_000)}:Trial.Hash-{n:07}\n"


def _extended_line(generator: random.Random, n: int) -> str:
    return f"Trial.Extended-{n:06}:0:*:{generator.randbytes(30).hex()}\n"


def _rules(target: Path, rules: Path) -> None:
    """Joins the rule files that libclamav takes without a message."""
    sources = sorted(rules.glob("*.yar"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        taken = [source for source, good in zip(sources, pool.map(_libclamav_takes, sources)) if good]
    with target.open("wb") as out:
        for source in taken:
            out.write(source.read_bytes().rstrip() + b"\n\n")


def _libclamav_takes(source: Path) -> bool:
    clamscan = shutil.which("clamscan")
    if clamscan is None:
        raise SystemExit("clamscan is needed to choose the rules: apt-get install clamav")
    result = subprocess.run([clamscan, "-d", source, __file__], capture_output=True, check=False)
    return result.returncode == 0 and b"LibClamAV" not in result.stderr + result.stdout
