"""Makes the models known to the Auto classes of the Hugging Face library, as soon as those are loaded and not before."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType


def register_config() -> None:
    """``AutoConfig``; doing it again changes nothing."""
    from transformers import AutoConfig

    from seqwise.models.config import SeqwiseConfig
    from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig

    for config in (SeqwiseConfig, SeqwiseSeq2SeqConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)


def register_feature_extractor() -> None:
    """``AutoFeatureExtractor``; doing it again changes nothing."""
    from transformers import AutoFeatureExtractor

    from seqwise.models.config import SeqwiseConfig
    from seqwise.models.feature_extraction import SeqwiseFeatureExtractor

    AutoFeatureExtractor.register(SeqwiseConfig, SeqwiseFeatureExtractor, exist_ok=True)


def register_processor() -> None:
    """``AutoProcessor``; doing it again changes nothing."""
    from transformers import AutoProcessor

    from seqwise.models.config import SeqwiseConfig
    from seqwise.models.speech_processor import SeqwiseProcessor

    AutoProcessor.register(SeqwiseConfig, SeqwiseProcessor, exist_ok=True)


def register() -> None:
    """All Auto classes; doing it again changes nothing."""
    from transformers import (
        AutoModel,
        AutoModelForAudioClassification,
        AutoModelForCausalLM,
        AutoModelForCTC,
        AutoModelForMaskedLM,
        AutoModelForSeq2SeqLM,
        AutoModelForSequenceClassification,
        AutoModelForTimeSeriesPrediction,
    )

    from seqwise.models.backbone import SeqwiseModel
    from seqwise.models.causal_lm import SeqwiseForCausalLM
    from seqwise.models.config import SeqwiseConfig
    from seqwise.models.ctc import SeqwiseForCTC
    from seqwise.models.heads import SeqwiseForAudioClassification, SeqwiseForSequenceClassification
    from seqwise.models.masked_lm import SeqwiseForMaskedLM
    from seqwise.models.prediction import SeqwiseForPrediction
    from seqwise.models.seq2seq import SeqwiseForSeq2SeqLM
    from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig

    register_config()
    AutoModel.register(SeqwiseConfig, SeqwiseModel, exist_ok=True)
    AutoModelForCausalLM.register(SeqwiseConfig, SeqwiseForCausalLM, exist_ok=True)
    AutoModelForMaskedLM.register(SeqwiseConfig, SeqwiseForMaskedLM, exist_ok=True)
    AutoModelForSequenceClassification.register(SeqwiseConfig, SeqwiseForSequenceClassification, exist_ok=True)
    AutoModelForTimeSeriesPrediction.register(SeqwiseConfig, SeqwiseForPrediction, exist_ok=True)
    AutoModelForAudioClassification.register(SeqwiseConfig, SeqwiseForAudioClassification, exist_ok=True)
    AutoModelForCTC.register(SeqwiseConfig, SeqwiseForCTC, exist_ok=True)
    AutoModelForSeq2SeqLM.register(SeqwiseSeq2SeqConfig, SeqwiseForSeq2SeqLM, exist_ok=True)


AFTER_LOADING: dict[str, Callable[[], None]] = {
    "transformers.models.auto.configuration_auto": register_config,
    "transformers.models.auto.modeling_auto": register,
    "transformers.models.auto.feature_extraction_auto": register_feature_extractor,
    "transformers.models.auto.processing_auto": register_processor,
}


class LoadThen(importlib.abc.Loader):
    """Loads a module as another loader does, then calls ``action``."""

    def __init__(self, loader: importlib.abc.Loader, action: Callable[[], None]):
        self.loader = loader
        self.action = action

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.action()


class RegisterOnImport(importlib.abc.MetaPathFinder):
    """Finds the modules of the Auto classes as others do, and has the models registered after they have loaded."""

    def __init__(self):
        self.searching: set[str] = set()

    def find_spec(self, name: str, path: list[str] | None, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if name not in AFTER_LOADING or name in self.searching:
            return None
        self.searching.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.searching.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = LoadThen(spec.loader, AFTER_LOADING[name])
        return spec


def register_when_loaded() -> None:
    """Register now with what is loaded, later with the rest. Imports neither torch nor transformers by itself."""
    sys.meta_path.insert(0, RegisterOnImport())
    for name, action in AFTER_LOADING.items():
        if name in sys.modules:
            action()
