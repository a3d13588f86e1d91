"""Instructions of every native operation on the emulated cores."""
from operations import OPERATIONS, QEMU, count, load

ARCHES = ["rv32imc", "armv7m", "armv7emsp", "armv6m"]
# One scrypt takes 40 million instructions: enough to know on the core that has the least memory trouble.
_LARGE = {"scrypt_n1024_r8"}


def missing():
    baremetal = load(QEMU, "baremetal")
    return sorted({program for arch in ARCHES for program in baremetal.missing(arch)})


def measure(put):
    for arch in ARCHES:
        operations = [op for op in OPERATIONS if arch == "rv32imc" or op.name not in _LARGE]
        for name, runs in count(arch, operations).items():
            put("%s.%s.instructions" % (arch, name), runs[0])
