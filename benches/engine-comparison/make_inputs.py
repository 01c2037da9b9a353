#!/usr/bin/env python3
"""Makes the files that the two engines are compared on, the same ones each time.

    make_inputs.py RULES OUT

- `strings/`: for each rule the text and bytes of its own strings, plain and behind the heads of common
  file types, so that conditions on the head hold as well;
- `hostile/`: cut, mutated and made-up files of the kinds that engines parse;
- `hostile-rules/`: one file of rules each that is known to be hard on engines.
"""

import os
import random
import re
import struct
import sys

RULE = re.compile(r"^\s*(?:private\s+|global\s+)*rule\s+(\w+)(.*?)^\s*condition\s*:", re.S | re.M)
TEXT = re.compile(r'^\s*\$\w*\s*=\s*"((?:[^"\\\n]|\\.)*)"([^\n]*)', re.M)
BYTES = re.compile(r"^\s*\$\w*\s*=\s*\{([^}]*)\}", re.M)
ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", '"': b'"', "\\": b"\\"}


def unescape(text):
    """The bytes of a text string."""
    out, at = b"", 0
    while at < len(text):
        if text[at] != "\\":
            out += text[at].encode("utf-8")
            at += 1
        elif text[at + 1] == "x":
            out += bytes.fromhex(text[at + 2 : at + 4])
            at += 4
        else:
            out += ESCAPES.get(text[at + 1], text[at + 1].encode())
            at += 2
    return out


def hexadecimal(body):
    """Bytes that a hex string matches: wildcards as zeros, jumps at their shortest, the first alternative."""
    body = re.sub(r"//[^\n]*|/\*.*?\*/", " ", body, flags=re.S)
    while "(" in body:
        shorter = re.sub(r"\(([^()|]*)(?:\|[^()]*)?\)", r" \1 ", body)
        if shorter == body:
            return b""
        body = shorter
    out = b""
    for token in re.findall(r"\[[^\]]*\]|~?[0-9A-Fa-f?]{2}", body):
        if token.startswith("["):
            out += b"\0" * min(int((re.findall(r"\d+", token) or ["0"])[0]), 4096)
        elif token.startswith("~"):
            out += b"\0"
        else:
            out += bytes.fromhex(token.replace("?", "0"))
    return out


def strings_of(body):
    """Every string of a rule as bytes, in their order."""
    found = []
    for text, modifiers in TEXT.findall(body):
        raw = unescape(text)
        wide = b"".join(bytes([byte, 0]) for byte in raw)
        if re.search(r"\bwide\b", modifiers):
            found.append(wide)
        if not re.search(r"\bwide\b", modifiers) or re.search(r"\bascii\b", modifiers):
            found.append(raw)
    return found + [hexadecimal(body) for body in BYTES.findall(body)]


def windows_program():
    """The head of a small 64-bit Windows program with one section, written by hand."""
    dos = b"MZ" + b"\0" * 58 + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 1700000000, 0, 0, 240, 0x22)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0x200, 0x200, 0, 0x1000, 0x1000)
    optional += struct.pack("<QIIHHHHHHIIIIHH", 0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0x3000, 0x200, 0, 3, 0)
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + b"\0" * 128
    section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 0x1000, 0x1000, 0x1000, 0x200, 0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + section).ljust(0x200, b"\0")


def write(folder, name, content):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def make_strings(rules, out):
    with open("/bin/true", "rb") as file:
        program = file.read()
    heads = {"plain": b"", "mz": b"MZ".ljust(64, b"\0"), "windows": windows_program(), "linux": program, "script": b"<?php "}
    count = 0
    for folder, folders, names in os.walk(rules):
        folders.sort()
        for name in sorted(names):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                source = file.read()
            for rule, body in RULE.findall(source):
                strings = strings_of(body)
                if strings:
                    count += 1
                    # Lone on its line, so that `fullword` holds.
                    content = b"\n" + b"\n".join(strings) + b"\n"
                    for kind, head in heads.items():
                        write(os.path.join(out, "strings", kind), f"{count}-{rule[:80]}", head + content)
    return count


def make_hostile(out):
    chance = random.Random(20261122)
    folder = os.path.join(out, "hostile")
    seeds = {"windows": windows_program() + b"\xcc" * 2048}
    for name in ["/bin/ls", "/usr/bin/python3"]:
        with open(name, "rb") as file:
            seeds[os.path.basename(name)] = file.read()[:200_000]
    # The head of a Mach-O and of a .dex file; the rest is chance.
    seeds["macho"] = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x01000007, 3, 2, 400, 65535, 0, 0) + chance.randbytes(20_000)
    seeds["dex"] = b"dex\n035\0" + struct.pack("<I", 7) + chance.randbytes(20) + struct.pack("<II", 30_000, 112) + chance.randbytes(30_000)
    for name, seed in seeds.items():
        for cut in [0, 1, 2, 16, 63, 64, 100, 200, 400, 512, 1000, 4096]:
            write(folder, f"{name}-cut-{cut}", seed[:cut])
        for number in range(200):
            mutated = bytearray(seed)
            for _ in range(chance.choice([1, 4, 16, 64])):
                mutated[chance.randrange(min(len(mutated), 1024))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
            write(folder, f"{name}-mutated-{number}", bytes(mutated))
    for number in range(100):
        write(folder, f"chance-{number}", chance.randbytes(chance.choice([10, 1000, 100_000])))
    megabyte = 1 << 20
    for name, content in {
        "zeros": b"\0" * (32 * megabyte),
        "letters": b"a" * (32 * megabyte),
        "mz": b"MZ" * (8 * megabyte),
        "quotes": b'"' * (8 * megabyte),
        "slashes": b"\\" * (8 * megabyte),
        "base64": b"TVqQAAMAAAAEAAAA" * megabyte,
        "http": b"http://" * (2 * megabyte),
        "spaces": b" \t\r\n" * (4 * megabyte),
        "powershell": b"powershell -enc " * megabyte,
        "wide": b"a\0" * (8 * megabyte),
        "digits": b"0123456789abcdef" * megabyte,
        "chance": chance.randbytes(32 * megabyte),
    }.items():
        write(folder, f"long-{name}", content)


def make_hostile_rules(out):
    folder = os.path.join(out, "hostile-rules")

    def condition(name, text):
        write(os.path.join(folder, name), "a.yar", f"rule R {{ condition: {text} }}".encode())

    def string(name, text):
        write(os.path.join(folder, name), "a.yar", f"rule R {{ strings: $a = {text} condition: $a }}".encode())

    condition("deep-parentheses", "(" * 100_000 + "true" + ")" * 100_000)
    condition("deep-negation", "not " * 100_000 + "true")
    condition("long-chain", " and ".join(["true"] * 50_000))
    condition("endless-loop", "for all i in (0..100000000) : ( for all j in (0..100000000) : ( i + j >= 0 ) )")
    string("nested-repetition", "/((((a{0,1000}){0,1000}){0,1000}){0,1000}){0,1000}/")
    string("many-alternatives", "/(" + "|".join(str(n) for n in range(50_000)) + ")/")
    string("deep-group", "/" + "(" * 50_000 + "a" + ")" * 50_000 + "/")
    string("deep-hexadecimal-group", "{ 41 " + "( 41 | " * 20_000 + "42" + ")" * 20_000 + " }")
    string("wide-jumps", "{ 41 " + "[0-100000] 43 " * 1000 + "42 }")
    string("no-literal", "/.*.*.*.*.*.*.*.*x?/s")
    string("quadratic", "/a.*b.*c.*d.*e.*f/s")
    string("long-text", '"' + "x" * 1_000_000 + '" nocase wide ascii')
    string("every-byte", "{ ?? }")
    strings = " ".join(f'$s{n} = "text{n}"' for n in range(20_000))
    write(os.path.join(folder, "many-strings"), "a.yar", f"rule R {{ strings: {strings} condition: any of them }}".encode())
    write(os.path.join(folder, "zeros"), "a.yar", b"\0" * 1_000_000)
    write(os.path.join(folder, "open-comment"), "a.yar", b"/*" + b"rule A { condition: true } " * 10_000)


if __name__ == "__main__":
    rules_folder, out_folder = sys.argv[1:]
    print(make_strings(rules_folder, out_folder), "rules have strings")
    make_hostile(out_folder)
    make_hostile_rules(out_folder)
