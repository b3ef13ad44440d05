"""What the routes work with."""

from dataclasses import dataclass

from libs.messaging.clock import Clock
from services.gateway.commands import Commands
from services.gateway.owners import OwnerApi
from services.gateway.store import Store


@dataclass(frozen=True, slots=True)
class Ports:
    """The gateway's surroundings."""

    commands: Commands
    context: OwnerApi
    research: OwnerApi
    credits: OwnerApi
    store: Store
    clock: Clock
