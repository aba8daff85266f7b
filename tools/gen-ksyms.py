#!/usr/bin/env -S python3 -X utf8
"""Writes the panic dump's symbol table from `nm -n`: sorted (address, name) of the functions, as a C file.

Without an input file the table is empty: the first link needs one to find the addresses for the second.
"""
import subprocess
import sys


def symbols(elf):
    out = subprocess.run(["nm", "-n", elf], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        addr, kind, name = line.split()[:3]
        if kind in "tT" and not name.startswith("trap_stub_") and "." not in name:
            yield int(addr, 16), name


def main():
    target, elf = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    rows = list(symbols(elf)) if elf else []
    with open(target, "w", encoding="ascii") as f:
        f.write('#include "arch/x86/ksyms.h"\n\n')
        f.write('const struct ksym ksyms[] __attribute__((section(".ksyms"))) = {\n')
        for addr, name in rows:
            f.write(f'\t{{ {addr:#x}ull, "{name[:39]}" }},\n')
        f.write('\t{ 0, "" },\n};\n')
        f.write(f"const u32 nr_ksyms = {len(rows)};\n")


if __name__ == "__main__":
    main()
