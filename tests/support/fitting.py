"""Requests for any method."""

from core.gan.request import TrainRequest
from core.settings import settings_of


def fitting(method: str, **settings) -> TrainRequest:
    """With those of the settings that say something to the method; others would be refused."""
    about = settings_of(TrainRequest)
    return TrainRequest(method=method, **{name: v for name, v in settings.items() if about[name].applies(method)})
