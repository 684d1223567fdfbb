"""Which code computes layers here: it decides the last digits of a result, and its speed."""

from seqwise.kernels.c.library import available, instruction_sets, reason
from seqwise.kernels.c.products import onednn_is_faster


def kernels_in_use() -> dict[str, str]:
    """For records: what runs recurrent layers and long products in float32 on this CPU."""
    return {
        "recurrent": f"loops in C, {instruction_sets()[0]}" if available() else "torch",
        "linear": "oneDNN" if onednn_is_faster() else "torch",
    }


def kernels_explained() -> dict[str, str]:
    """For people: the same, and why."""
    found = kernels_in_use()
    why = "AVX-512, which MKL leaves aside here" if onednn_is_faster() else "MKL or what torch was built with"
    return {
        "recurrent_layers": found["recurrent"] if available() else f"torch's: {reason()}",
        "linear_layers": f"{found['linear']}: {why}",
    }
