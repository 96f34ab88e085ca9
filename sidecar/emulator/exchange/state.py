"""Everything that the exchange's future depends on.

Plain structures of whole numbers, text, lists and dicts, so that `msgspec` writes the whole state
as bytes and reads it back: that is the state file, the crash test and the digest of a simulation.
Units are those of `units`: ticks, lots, micros.  Users are lower-case addresses.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct, field

from sidecar.emulator.exchange.rules import Rules as Rules
from sidecar.emulator.exchange.rules import Tier as Tier

Tif = Literal["Gtc", "Ioc", "Alo", "FrontendMarket"]
MarginMode = Literal["cross", "isolated"]

HOUSE: Final = "0x" + "0" * 38 + "01"
"""The background market: the other side of every trade that no client is on."""
BACKSTOP: Final = "0x" + "0" * 38 + "02"
"""The venue's own vault, which takes over what liquidation could not sell."""


class Trigger(Struct, frozen=True):
    """When a stop or a target goes to the market, and whether at any price."""

    ticks: int
    is_market: bool
    tpsl: Literal["tp", "sl"]


class Order(Struct):
    """One order from its acceptance to its end.  `lots` is what is left of `orig_lots`.

    `children` are the stop and target that wait for its fill (`normalTpsl`); `parent_oid` is the
    order that they wait for.  `status` is one of the venue's words (`open`, `filled`, ...).
    """

    oid: int
    user: str
    coin: str
    is_buy: bool
    limit_ticks: int
    orig_lots: int
    lots: int
    tif: Tif | None
    reduce_only: bool
    placed_ms: int
    cloid: str | None = None
    trigger: Trigger | None = None
    is_position_tpsl: bool = False
    is_triggered: bool = False
    children: list[int] = field(default_factory=list)
    parent_oid: int | None = None
    siblings: list[int] = field(default_factory=list)
    """The other stop or target of its group, which its fill ends."""
    builder: str | None = None
    builder_fee_tenths: int = 0
    """The builder's share in tenths of a basis point."""
    twap_id: int | None = None
    is_liquidation: bool = False
    """Sent by the venue for an account below maintenance: no fee, fills say so."""
    status: str = "open"
    status_ms: int = 0
    filled_micros: int = 0
    """Notional of its fills."""


class Ladder(Struct):
    """One side of a book: orders of clients by price, then by time of arrival."""

    prices: list[int] = field(default_factory=list)
    """Ascending, each with a queue that is not empty."""
    queues: dict[int, list[int]] = field(default_factory=dict)


class Bar(Struct):
    """A bar of one interval; the last of a list is the one that forms."""

    open_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    lots: int = 0
    trade_count: int = 0


class Quote(Struct):
    """The background market of one coin: its ladder is a function of these, made when needed.

    `eaten` holds by price what clients took from it since the last move.
    """

    px_ticks: int
    pressure_ticks: float = 0.0
    move_count: int = 0
    eaten: dict[int, int] = field(default_factory=dict)
    push_ticks: float = 0.0
    """Impact of trades since the last move; it joins the pressure with the next."""


class Coin(Struct):
    """One perpetual: what it is, where it trades, and its running sums."""

    name: str
    asset: int
    dex: str
    size_decimals: int
    leverage_max: int
    margin_table_id: int
    tiers: list[Tier]
    quote: Quote
    oracle_ticks: int
    mark_ticks: int
    last_ticks: int
    external_ticks: int
    """Median of the perpetuals of other venues, one of the three parts of the mark price."""
    prev_day_ticks: int
    only_isolated: bool = False
    margin_mode: str = ""
    is_listed: bool = True
    """False before its listing; such a coin is not in the universe yet."""
    is_delisted: bool = False
    is_halted: bool = False
    has_background: bool = True
    """False: only clients' orders are in its book."""
    open_interest_cap_micros: int | None = None
    bids: Ladder = field(default_factory=Ladder)
    asks: Ladder = field(default_factory=Ladder)
    triggers: list[int] = field(default_factory=list)
    """Waiting stops and targets."""
    basis_ema_ticks: float = 0.0
    """150 s average of mid less oracle."""
    basis_ms: int = 0
    oracle_ms: int = 0
    premium_sum: float = 0.0
    premium_count: int = 0
    premium_last: float = 0.0
    funding_rate_1h: float = 0.0
    """The running estimate for the coming hour."""
    funding: list[tuple[int, float, float]] = field(default_factory=list)
    """(stamp ms, rate per hour, premium), ascending."""
    open_interest_lots: int = 0
    background_interest_lots: int = 0
    """Open interest that the background market has among itself since before the start."""
    hour_volumes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Lots and micros traded by hour (ms of its start), the last 24 kept."""
    hour_ms: int = 0
    hour_ticks: list[int] = field(default_factory=list)
    """Marks at the start of the last hours, at most 24, from which the price of a day ago comes."""
    known_rate_1h: float | None = None
    """The tape's rate for the hour that ends next."""
    fee_scale_hundredths: int = 100
    """The deployer's fee scale of a coin of another dex."""
    growth_mode: bool = False
    funding_multiplier_hundredths: int = 100
    """What a deployer makes of its funding rates, 0 to 1,000."""
    trades: list[PublicTrade] = field(default_factory=list)
    """The newest, oldest first; bounded."""
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    """Bars by interval since the start of the venue; older ones are the tape's."""

    def interest_lots(self) -> int:
        """Open interest as the venue shows it: that of all accounts and the background's own."""
        return self.open_interest_lots + self.background_interest_lots


class PublicTrade(Struct, frozen=True):
    """A trade as all see it; `is_buy` is the side of the taker."""

    coin: str
    is_buy: bool
    ticks: int
    lots: int
    time_ms: int
    tid: int
    hash: str
    buyer: str
    seller: str


class Leverage(Struct):
    """What a user set for a coin."""

    mode: MarginMode = "cross"
    value: int = 20


class Position(Struct):
    """`lots` is signed; `entry_micros` is the notional at entry, never negative.

    An isolated position has its own money: `isolated_micros` is its raw USD (margin less what a
    long paid, or plus what a short got), 0 in cross mode.
    """

    lots: int = 0
    entry_micros: int = 0
    isolated_micros: int = 0
    funding_open_micros: int = 0
    funding_change_micros: int = 0
    """Funding that it paid since it was opened and since its size changed; below 0 when it got."""
    cooldown_until_ms: int = 0
    """Set after a partial liquidation."""


class FillRow(Struct, frozen=True):
    """One side of a trade, as its user sees it.  `fee_micros` holds the builder's share too."""

    coin: str
    ticks: int
    lots: int
    is_buy: bool
    time_ms: int
    start_lots: int
    dir: str
    closed_pnl_micros: int
    hash: str
    oid: int
    crossed: bool
    fee_micros: int
    tid: int
    cloid: str | None = None
    builder_fee_micros: int = 0
    liquidated_user: str | None = None
    liquidation_mark_ticks: int = 0
    liquidation_method: str = ""
    twap_id: int | None = None


class FundingRow(Struct, frozen=True):
    """One hourly payment; `micros` is what the user got, negative when paid."""

    time_ms: int
    coin: str
    micros: int
    lots: int
    rate_1h: float


class LedgerRow(Struct, frozen=True):
    """A deposit, withdrawal, transfer, liquidation: the delta as the venue writes it."""

    time_ms: int
    hash: str
    delta: dict[str, str | int | bool | list[dict[str, str]] | None]


class Agent(Struct):
    """A key that signs for a user; `name` is empty for the unnamed one."""

    address: str
    name: str
    valid_until_ms: int


class Signer(Struct):
    """The nonces that a key has used: the highest ones, ascending."""

    nonces: list[int] = field(default_factory=list)


class Twap(Struct):
    """A parent order that sends a slice every 30 s."""

    twap_id: int
    user: str
    coin: str
    is_buy: bool
    lots: int
    reduce_only: bool
    minutes: int
    randomize: bool
    started_ms: int
    next_ms: int
    slices_left: int
    executed_lots: int = 0
    executed_micros: int = 0
    status: str = "activated"
    status_ms: int = 0


class Account(Struct):
    """One user's money and orders.  `cash_micros` is the raw USD of the cross account."""

    address: str
    cash_micros: int = 0
    spot_micros: int = 0
    """USDC on the spot side; in unified mode it is the collateral."""
    mode: Literal["standard", "unified", "portfolio"] = "standard"
    role: Literal["user", "subAccount", "vault"] = "user"
    master: str | None = None
    name: str = ""
    positions: dict[str, Position] = field(default_factory=dict)
    leverages: dict[str, Leverage] = field(default_factory=dict)
    open_oids: list[int] = field(default_factory=list)
    """Resting and waiting orders, in the order of their placement."""
    cloids: dict[str, int] = field(default_factory=dict)
    """The newest order of each client order id."""
    ended: list[int] = field(default_factory=list)
    """Orders that ended, oldest first; bounded."""
    fills: list[FillRow] = field(default_factory=list)
    """Oldest first; bounded."""
    funding: list[FundingRow] = field(default_factory=list)
    ledger: list[LedgerRow] = field(default_factory=list)
    agents: dict[str, Agent] = field(default_factory=dict)
    """By name."""
    agent_removal_until_ms: int = 0
    """Until then no agent is approved, because one is being taken back."""
    builders: dict[str, int] = field(default_factory=dict)
    """Approved builders and their highest fee, in tenths of a basis point."""
    referrer: str | None = None
    requests_used: int = 0
    requests_bought: int = 0
    mode_day_ms: int = 0
    """The UTC day that `mode_actions` counts."""
    mode_actions: int = 0
    trickle_ms: int = 0
    """When the last request went through after the budget was used up."""
    volume_micros: int = 0
    """All that it traded, for the request budget."""
    day_volumes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Taker and maker notional by UTC day (ms of its start), for the fee tier."""
    dms_ms: int | None = None
    """When the scheduled cancel fires."""
    dms_fired: dict[int, int] = field(default_factory=dict)
    """Fires by UTC day."""
    fee_day_ms: int = -1
    fee_rates_e8: tuple[int, int] = (0, 0)
    """Taker and maker rate of the day `fee_day_ms`, in 1e-8, before discounts."""
    funding_micros: dict[str, int] = field(default_factory=dict)
    """Funding that it ever paid, by coin."""
    deposited_micros: int = 0
    """Money that came in less what went out, transfers included."""
    equity: list[tuple[int, int, int]] = field(default_factory=list)
    """(ms, account value, profit since the start) in micros, sampled hourly for `portfolio`."""


class VenueState(Struct):
    """The whole exchange."""

    seed: int
    now_ms: int
    rules: Rules = field(default_factory=Rules)
    coins: dict[str, Coin] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    signers: dict[str, Signer] = field(default_factory=dict)
    agent_of: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Agent address to (master, name)."""
    orders: dict[int, Order] = field(default_factory=dict)
    """Open ones, and ended ones that some account still lists."""
    twaps: dict[int, Twap] = field(default_factory=dict)
    fees_micros: int = 0
    """All fees ever taken, less what was passed on to builders."""
    insurance_micros: int = 0
    """What liquidations left to the venue, less what they cost it."""
    deposits_micros: int = 0
    """All money that ever came in, less what went out."""
    next_oid: int = 1
    next_tid: int = 1
    next_twap_id: int = 1
    next_liquidation_id: int = 1
    day_volumes: dict[int, int] = field(default_factory=dict)
    """Notional of all trades by UTC day, of which makers' shares are taken."""
    block: int = 1
    """Rises with every action and every move: the source of hashes."""
    post_only_until_ms: int = 0
    """After an upgrade only post-only orders are taken."""
    halted_until_ms: int = 0
    next_hour_ms: int = 0
    """When funding falls due next."""
    next_sample_ms: int = 0
    """When the premium is sampled next."""
    armed: dict[str, int] = field(default_factory=dict)
    """Accounts with a scheduled cancel, and when it fires."""
    asset_names: dict[int, str] = field(default_factory=dict)
    """Names of the coins by the number that orders call them by."""
    running_twaps: list[int] = field(default_factory=list)
