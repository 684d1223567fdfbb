"""What is said of the code in use."""

from seqwise.kernels.c import library, products, use


def test_loops_in_c(monkeypatch):
    monkeypatch.setattr(use, "available", lambda: True)
    monkeypatch.setattr(use, "instruction_sets", lambda: ["avx2", "generic"])
    assert use.kernels_in_use()["recurrent"] == use.kernels_explained()["recurrent_layers"] == "loops in C, avx2"


def test_without_them_it_says_why(monkeypatch):
    monkeypatch.setattr(use, "available", lambda: False)
    monkeypatch.setattr(use, "reason", lambda: "not compiled")
    assert use.kernels_in_use()["recurrent"] == "torch"
    assert use.kernels_explained()["recurrent_layers"] == "torch's: not compiled"


def test_linear_layers(monkeypatch):
    for faster, name in ((True, "oneDNN"), (False, "torch")):
        monkeypatch.setattr(use, "onednn_is_faster", lambda faster=faster: faster)
        assert use.kernels_in_use()["linear"] == name
        assert use.kernels_explained()["linear_layers"].startswith(f"{name}: ")


def test_reasons_of_a_library_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "HERE", tmp_path)
    assert "no C compiler" in library._loaded.__wrapped__()[1]
    (tmp_path / "_loops.abi3.so").write_bytes(b"no library")
    found, why = library._loaded.__wrapped__()
    assert found is None
    assert "cannot be used" in why


def test_a_processor_of_intel_keeps_mkl(monkeypatch):
    monkeypatch.setattr(products.torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for name, faster in (("Intel(R) Xeon(R)", False), ("AMD EPYC", True)):
        monkeypatch.setattr(products, "cpu_name", lambda name=name: name)
        assert products.onednn_is_faster.__wrapped__() == faster
    monkeypatch.setattr(products.torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not products.onednn_is_faster.__wrapped__()
