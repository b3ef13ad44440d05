"""`python -m services.credits`"""

from libs.messaging.settings import KafkaSettings
from libs.runtime.service import serve
from libs.runtime.settings import RuntimeSettings
from services.credits.app import create
from services.credits.settings import CreditsSettings

if __name__ == "__main__":
    settings = CreditsSettings()
    runtime = RuntimeSettings()
    serve(
        create(settings, runtime, KafkaSettings()),
        name="credits",
        host=settings.host,
        port=settings.port,
        log_level=runtime.log_level,
    )
