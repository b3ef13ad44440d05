"""`python -m services.gateway`"""

from libs.messaging.settings import KafkaSettings
from libs.runtime.service import serve
from libs.runtime.settings import RuntimeSettings, ServiceUrls
from services.gateway.app import create
from services.gateway.settings import GatewaySettings

if __name__ == "__main__":
    settings = GatewaySettings()
    runtime = RuntimeSettings()
    serve(
        create(settings, runtime, KafkaSettings(), ServiceUrls()),
        name="gateway",
        host=settings.host,
        port=settings.port,
        log_level=runtime.log_level,
    )
