"""`python -m services.research`"""

from libs.messaging.settings import KafkaSettings
from libs.runtime.service import serve
from libs.runtime.settings import RuntimeSettings
from libs.work.settings import WorkSettings
from services.research.app import create
from services.research.settings import ResearchSettings

if __name__ == "__main__":
    settings = ResearchSettings()
    runtime = RuntimeSettings()
    serve(
        create(settings, runtime, KafkaSettings(), WorkSettings()),
        name="research",
        host=settings.host,
        port=settings.port,
        log_level=runtime.log_level,
    )
