"""Debian's packages, fetched into build/downloads and only unpacked there: nothing is installed on this machine.

Those of another architecture come through lists of their own in build/apt, which apt reads instead of the machine's:
the machine need not know that architecture, and does not learn of it.
"""
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent.parent / "build"
DOWNLOADS = BUILD / "downloads"


class DebianError(Exception):
    pass


def output(*cmd):
    try:
        return subprocess.run(cmd, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    except FileNotFoundError:
        raise DebianError(f"{cmd[0]} is not installed")
    except subprocess.CalledProcessError as e:
        raise DebianError(f"{' '.join(cmd)}: {e.stderr.strip() or 'failed'}")


class Packages:
    """Those of an architecture, through lists of their own; "" is this machine's own, through this machine's lists."""

    def __init__(self, arch=""):
        self.arch = arch
        self.options = ["-o", "APT::Sandbox::User=root"]
        if arch:
            folder = BUILD / "apt" / arch
            (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
            (folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
            (folder / "status").touch()
            for name, value in (
                ("APT::Architecture", arch),
                ("APT::Architectures::", arch),
                ("APT::Architectures", arch),
                ("Dir::State::lists", f"{folder}/lists"),
                ("Dir::State::status", f"{folder}/status"),
                ("Dir::Cache", f"{folder}/cache"),
                ("Acquire::Languages", "none"),
            ):
                self.options += ["-o", f"{name}={value}"]
            self._have_lists(folder / "lists")

    def _have_lists(self, lists):
        def there():
            return any(lists.glob(f"*binary-{self.arch}_Packages*"))

        if there():
            return
        print(f"guest-images: fetching the list of Debian's {self.arch} packages", file=sys.stderr)
        try:
            output("apt-get", *self.options, "-qq", "update")
        except DebianError as e:
            # One mirror of several may be changing just now.
            if not there():
                raise DebianError(f"there is no list of Debian's {self.arch} packages: {e}")

    def _downloaded(self, name):
        """[(name, path)] of packages fetched earlier whose name is name, a pattern."""
        found = []
        for path in DOWNLOADS.glob("*.deb"):
            package, _, arch = path.stem.split("_")
            if re.fullmatch(name, package) and (arch in (self.arch, "all") if self.arch else arch != "i386"):
                found.append((package, path))
        return sorted(found, key=lambda f: _version_key(f[1].name))

    def fetch(self, package):
        """The package's .deb, fetched when it is not there yet."""
        return self.fetch_all([package])[0]

    def fetch_all(self, packages):
        """The .debs of packages in that order, those fetched that are not there yet."""
        have = {package: self._downloaded(re.escape(package)) for package in packages}
        missing = [package for package in packages if not have[package]]
        if missing:
            self._download(missing)
            have |= {package: self._downloaded(re.escape(package)) for package in missing}
        return [have[package][-1][1] for package in packages]

    def _download(self, packages):
        what = packages[0] if len(packages) == 1 else f"{packages[0]} and {len(packages) - 1} more packages"
        print(f"guest-images: fetching Debian's {what}", file=sys.stderr)
        part = DOWNLOADS / "part"
        part.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["apt-get", *self.options, "-qq", "download", *packages], cwd=part, check=True)
        except FileNotFoundError:
            raise DebianError("apt-get is needed to fetch Debian's packages")
        except subprocess.CalledProcessError:
            hint = "is the list of packages up to date? 'apt-get update' as root"
            raise DebianError(f"could not fetch {what} ({hint})")
        for package in packages:
            debs = list(part.glob(f"{package}_*.deb"))
            if len(debs) != 1:
                raise DebianError(f"apt-get fetched {len(debs)} files for {package}")
            os.replace(debs[0], DOWNLOADS / debs[0].name)

    def behind_all(self, package):
        """Names of all packages that it depends on, itself among them. Through lists of their own only: this machine's
        would leave out what is installed here."""
        assert self.arch
        plan = output("apt-get", *self.options, "-s", "-qq", "--no-install-recommends", "install", package)
        return re.findall(r"^Inst (\S+)", plan, re.M)

    def newest(self, pattern):
        """Name of the newest package whose name is the pattern; one fetched earlier is kept. None: there is none."""
        have = self._downloaded(pattern)
        if have:
            return have[-1][0]
        names = (n for n in output("apt-cache", *self.options, "pkgnames").split() if re.fullmatch(pattern, n))
        return next((n for n in sorted(names, key=_version_key, reverse=True) if self._offered(n)), None)

    def _offered(self, package):
        """apt names packages that others only mention."""
        return "Candidate: (none)" not in output("apt-cache", *self.options, "policy", package)

    def behind(self, meta, pattern):
        """Name of the package, of that pattern, which a meta package depends on; one fetched earlier is kept."""
        have = self._downloaded(pattern)
        if have:
            return have[-1][0]
        for name in re.findall(r"Depends: (\S+)", output("apt-cache", *self.options, "depends", meta)):
            if re.fullmatch(pattern, name):
                return name
        raise DebianError(f"apt does not know {meta}: run 'apt-get update' as root")


def _version_key(name):
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.findall(r"\d+|\D+", name)]


def files_of(deb, *patterns):
    """Contents of the first file of the package whose path matches each of the patterns."""
    found = {}
    proc = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        with tarfile.open(fileobj=proc.stdout, mode="r|") as tar:
            for member in tar:
                for pattern in patterns:
                    if pattern not in found and member.isfile() and re.fullmatch(pattern, member.name):
                        found[pattern] = tar.extractfile(member).read()
                if len(found) == len(patterns):
                    return [found[pattern] for pattern in patterns]
    except tarfile.TarError as e:
        raise DebianError(f"{deb.name}: {e}")
    finally:
        proc.stdout.close()
        proc.kill()
        proc.wait()
    raise DebianError(f"{deb.name} has no {next(p for p in patterns if p not in found)}")
