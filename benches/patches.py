"""Measures patches: over real versions, for a small change of a large set, and what making them costs.

The best of other ways is made here, from the same archives, in the same run: a line script compressed
with zstd -19 and the old archive as dictionary (GNU diff's RCS format), zstd --patch-from, and, where
they are installed, xdelta3 and bsdiff.
"""

import json
import shutil
import subprocess
from pathlib import Path

import measure
import trial_set
from peers import Freshclam


def steps(booster, versions: list[Path], scratch: Path) -> None:
    """A machine that takes every version, and one that jumps over all of them."""
    booster.init()
    rows, wholes, metadata = [], 0, 0
    before = None
    for number, folder in enumerate(versions, 1):
        report = publish(booster, f"1.{number}.0.0", folder / "yara", feed=folder / "iocs" / "hash-iocs.txt")
        archive = unpack(booster, f"1.{number}.0.0", scratch / f"{number}.tar")
        update = machine_update(booster)
        if before is not None:
            patch = report["patches"][0]["size"]
            others = ways(before, archive, scratch)
            rows.append((folder.name, patch, others, update))
            wholes += report["download_size"]
            metadata += update["bytes_downloaded"] - patch
            assert update["components"][0]["how"] == "patch", update
        before = archive
    names = list(rows[0][2])
    print("== patches over real versions, bytes of each step")
    print(f"{'':16}{'booster':>10}" + "".join(f"{name:>16}" for name in names) + f"{'of the best':>12}")
    for name, patch, others, _ in rows:
        cells = "".join(f"{others[other]:16,}" for other in names)
        print(f"{name:16}{patch:10,}{cells}{patch / min(others.values()):12.2f}")
    ours = sum(row[1] for row in rows)
    best = sum(min(row[2].values()) for row in rows)
    cells = "".join(f"{sum(row[2][other] for row in rows):16,}" for other in names)
    print(f"{'sum':16}{ours:10,}{cells}{ours / best:12.2f}")
    print(f"sum beside the smallest of the others for each step: {ours / best:.3f}, at most 1.15")
    print(f"sum beside the wholes ({wholes:,}): {100 * ours / wholes:.3f} %, at most 0.3 %")
    print(f"signed metadata of the same steps: {metadata:,}, together {100 * (ours + metadata) / wholes:.3f} %\n")


def jump(booster, first: Path, last: Path) -> None:
    """A machine with the first version, for which the last one is the next."""
    booster.init()
    publish(booster, "1.1.0.0", first / "yara", feed=first / "iocs" / "hash-iocs.txt")
    machine_update(booster)
    report = publish(booster, "1.2.0.0", last / "yara", feed=last / "iocs" / "hash-iocs.txt")
    update = machine_update(booster)
    assert update["components"][0]["how"] == "patch", update
    patch, whole = report["patches"][0]["size"], report["download_size"]
    print(f"jump over all: {patch:,} of {whole:,}, ratio {patch / whole:.3f}, at most 0.5")
    total = update["bytes_downloaded"]
    print(f"with signed metadata: {total:,}, ratio {total / whole:.3f}\n")


def small_change(bench, booster, scratch: Path, compare) -> None:
    """0.1 % of the lines of the large set, beside freshclam, both with their tests on."""
    changed = scratch / "changed"
    trial_set.change(bench.files, changed)
    booster.init()
    publish(booster, "1.0.0.0", bench.files)
    machine_update(booster)
    report = publish(booster, "1.1.0.0", changed)
    patch = report["patches"][0]["size"]
    print(f"0.1 % of the lines changed: {patch:,} bytes, at most 70,000, ratio {patch / 70_000:.2f}")
    kept = scratch / "kept"
    shutil.copytree(booster.data, kept)
    link = scratch / "web"
    (bench.scratch / "web" / "patches").symlink_to(booster.site)
    ours, theirs = [], []
    peer = None
    if Freshclam.installed():
        # It sees the old files first, then the changed ones, under the same addresses.
        link.symlink_to(bench.files)
        (bench.scratch / "web" / "clam-changing").symlink_to(link)
        peer = Freshclam(bench.nginx.url + "clam-changing/", scratch / "freshclam")
        peer.forget()
        measure.run(peer.command())
        shutil.copytree(peer.database, scratch / "kept-database")
        link.unlink()
        link.symlink_to(changed)
        for file in changed.iterdir():
            file.touch()
    for _ in range(bench.runs):
        booster.forget()
        shutil.copytree(kept, booster.data)
        ours.append(measure.run(booster.update(bench.nginx.url + "patches/")))
        if peer:
            shutil.rmtree(peer.database)
            shutil.copytree(scratch / "kept-database", peer.database)
            theirs.append(measure.run(peer.command()))
    compare("0.1 % of 104 MB changed, tested before it is used", ours, theirs)


def making(bench, booster, scratch: Path, releases: int = 12) -> None:
    """What the patches of one release cost its publisher, beside the same publication without them."""
    booster.init()
    files = bench.files
    for number in range(1, releases):
        publish(booster, f"1.{number}.0.0", files, patches=False)
        changed = scratch / f"making-{number}"
        trial_set.change(files, changed, seed=number)
        files = changed
    shutil.copytree(booster.site, scratch / "site-before")
    without = publish(booster, f"1.{releases}.0.0", files, patches=False)["cost"]
    shutil.rmtree(booster.site)
    shutil.copytree(scratch / "site-before", booster.site)
    report = publish(booster, f"1.{releases}.0.0", files)
    count, cost = len(report["patches"]), report["cost"]
    seconds = cost.wall - without.wall
    print(f"making the {count} patches of a release of 104 MB: {seconds:.1f} s, at most 10, {seconds / count:.2f} s each")
    print(f"peak memory of the publisher: {cost.own_peak / 1024:.0f} MiB, at most 512")
    sizes = ", ".join(f"{patch['size']:,}" for patch in report["patches"])
    print(f"their bytes, newest base first: {sizes}\n")


def publish(booster, version: str, files: Path, feed: Path | None = None, patches: bool = True) -> dict:
    """Publishes, and gives the report with the publication's cost."""
    more = ["--invalid-rules", "leave-out"] + (["--hash-feed", str(feed)] if feed else [])
    more += [] if patches else ["--no-patches"]
    report, cost = measure.report(booster.publish_command(version, files, *more, "--json"))
    return report | {"cost": cost}


def machine_update(booster) -> dict:
    return measure.report([*booster.update(str(booster.site)), "--json"])[0]


def unpack(booster, version: str, tar: Path) -> Path:
    """The archive of a release, as the repository has it."""
    packed = next((booster.site / "targets" / "antivirus").glob(f"*.{version}.tar.zst"))
    subprocess.run(["zstd", "-q", "-d", "-f", packed, "-o", tar], check=True)
    return tar


def ways(old: Path, new: Path, scratch: Path) -> dict[str, int]:
    """How small others make the same step."""
    script, out = scratch / "script", scratch / "out"
    with script.open("wb") as file:
        subprocess.run(["diff", "--text", "--rcs", "--minimal", old, new], stdout=file, check=False)
    found = {
        "script+dict": packed(["zstd", "-q", "-f", "-19", "--long=27", f"--patch-from={old}", script, "-o", out], out),
        "zstd -19": packed(["zstd", "-q", "-f", "-19", "--long=27", f"--patch-from={old}", new, "-o", out], out),
        "zstd -3": packed(["zstd", "-q", "-f", "-3", "--long=27", f"--patch-from={old}", new, "-o", out], out),
    }
    if shutil.which("xdelta3"):
        found["xdelta3"] = packed(["xdelta3", "-q", "-f", "-9", "-S", "lzma", "-B", str(1 << 26), "-e", "-s", old, new, out], out)
    if shutil.which("bsdiff"):
        found["bsdiff"] = packed(["bsdiff", old, new, out], out)
    return found


def packed(command: list, out: Path) -> int:
    out.unlink(missing_ok=True)
    # zstd has advice for each of them.
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return out.stat().st_size
