"""What this host may lack."""
import shutil
import tempfile

from .image import BUILD

LITTLE = 1 << 20  # bytes: programs that have less end in their own odd ways


def lack_of_space():
    """Words for folders that programs write to and that are full; "" when none is."""
    full = []
    for folder in (BUILD, tempfile.gettempdir()):
        try:
            if shutil.disk_usage(folder).free < LITTLE:
                full.append(str(folder))
        except OSError:
            pass  # not there yet
    return f"no space is left in {' and '.join(full)}" if full else ""


def describe(error):
    """An OSError in words."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
