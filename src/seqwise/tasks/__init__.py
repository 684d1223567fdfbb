"""User tasks: one file each with one for its data, and a line in each table."""

from seqwise.core.registry import Registry

TASKS = Registry(
    "task",
    {
        "text-classification": "seqwise.tasks.text_classification:TextClassification",
        "time-series-classification": "seqwise.tasks.series_classification:TimeSeriesClassification",
        "text-generation": "seqwise.tasks.text_generation:TextGeneration",
        "time-series-forecasting": "seqwise.tasks.series_forecasting:TimeSeriesForecasting",
        "audio-classification": "seqwise.tasks.audio_classification:AudioClassification",
        "automatic-speech-recognition": "seqwise.tasks.speech_recognition:SpeechRecognition",
        "translation": "seqwise.tasks.translation:Translation",
    },
)
TASK_DATA = Registry(
    "task",
    {
        "text-classification": "seqwise.tasks.labelled_texts:LabelledTexts",
        "time-series-classification": "seqwise.tasks.labelled_series:LabelledSeries",
        "text-generation": "seqwise.tasks.running_text:RunningText",
        "time-series-forecasting": "seqwise.tasks.series_panels:SeriesPanels",
        "audio-classification": "seqwise.tasks.labelled_sounds:LabelledSounds",
        "automatic-speech-recognition": "seqwise.tasks.transcribed_sounds:TranscribedSounds",
        "translation": "seqwise.tasks.parallel_texts:ParallelTexts",
    },
)
"""The data half of each task, which imports no torch."""
USES = Registry(
    "task",
    {
        "text-classification": "seqwise.tasks.text_classification_use:TextClassifier",
        "time-series-classification": "seqwise.tasks.series_classification_use:SeriesClassifier",
        "time-series-forecasting": "seqwise.tasks.series_forecasting_use:Forecaster",
        "audio-classification": "seqwise.tasks.audio_classification_use:AudioClassifier",
        "automatic-speech-recognition": "seqwise.tasks.speech_recognition_use:SpeechRecogniser",
        "translation": "seqwise.tasks.translation_use:Translator",
    },
)
"""What a finished model of a task is used through, but for ``seqwise generate``."""
