"""`python -m services.context`"""

from libs.messaging.settings import KafkaSettings
from libs.runtime.service import serve
from libs.runtime.settings import RuntimeSettings
from libs.work.settings import WorkSettings
from services.context.app import create
from services.context.settings import ContextSettings

if __name__ == "__main__":
    settings = ContextSettings()
    runtime = RuntimeSettings()
    serve(
        create(settings, runtime, KafkaSettings(), WorkSettings()),
        name="context",
        host=settings.host,
        port=settings.port,
        log_level=runtime.log_level,
    )
