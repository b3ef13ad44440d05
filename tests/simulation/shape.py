"""How the deployment of one schedule is set up: processes, deadlines, clocks."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from libs.work.settings import WorkSettings


@dataclass(frozen=True, slots=True)
class Shape:
    """How a deployment is set up in one schedule."""

    work: WorkSettings
    window: timedelta
    processes: dict[str, int]
    """How many of each role."""
    reap_s: float
    yields: float
    reply_partitions: int
    price: int
    charge_failed: bool
    skew_s: float
    """How far the clocks of processes are apart, at most."""


def shape(random: Random) -> Shape:
    return Shape(
        work=WorkSettings.model_construct(
            hold_s=random.choice((2.0, 3.0)),
            dispatch_s=random.choice((2.0, 3.0)),
            resend_s=random.choice((4.0, 8.0)),
            lease_s=random.choice((4.0, 8.0)),
            attempts=random.choice((2, 3)),
        ),
        window=timedelta(seconds=random.choice((3, 6, 12))),
        processes={
            "credits": random.choice((1, 2)),
            "context": random.choice((1, 2)),
            "research": random.choice((1, 2, 2)),
            "gateway": 2,
            "context-worker": 1,
            "research-worker": 2,
        },
        reap_s=random.choice((1.0, 4.0)),
        yields=random.choice((0.02, 0.1, 0.3)),
        reply_partitions=random.choice((1, 2)),
        price=random.choice((1, 1, 2)),
        charge_failed=random.choice((False, False, True)),
        skew_s=random.choice((0.0, 0.0, 0.5)),
    )
