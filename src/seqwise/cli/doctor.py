"""``seqwise doctor``: whether this machine can do the work, and how fast."""

from seqwise.cli import shared


def command(json: shared.Json = False) -> None:
    """Check the installation and measure this machine."""
    import platform
    import shutil

    import torch

    from seqwise.comparison.cost import matmul_peak
    from seqwise.core.environment import core_count, cpu_name, package_versions
    from seqwise.kernels.c.use import kernels_explained

    torch.set_num_threads(1)
    peak = sorted(matmul_peak() for _ in range(15))[7]
    found = {
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "cores": core_count(),
        "cuda": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "matmul_gflops_per_thread": round(peak / 1e9, 1),
        **kernels_explained(),
        "free_disk_gb": round(shutil.disk_usage(".").free / 1e9, 1),
        "packages": package_versions(),
    }
    if json:
        shared.print_json(found)
        return
    for name, value in found.items():
        if name != "packages":
            print(f"{name:26} {value if value is not None else 'none'}")
    for name, version in found["packages"].items():
        print(f"{name:26} {version}")
