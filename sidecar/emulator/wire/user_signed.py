"""Actions that only the master key may sign: their fields, as its wallet shows them.

Each is typed data of the domain `HyperliquidSignTransaction` on the chain that the wallet was set
to (`signatureChainId`); `hyperliquidChain` names the network that it is meant for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from sidecar.emulator.wire import canonical
from sidecar.emulator.wire.errors import BadShape

_CHAIN = re.compile(r"0x[0-9a-fA-F]{1,16}")
Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(max_length=10_000)]
Fields = list[tuple[str, str, object]]
"""(name, type, value) in the order of the typed data."""


class UserSigned(Struct, rename="camel", tag_field="type", kw_only=True):
    """An action of the master key."""

    signature_chain_id: Text
    hyperliquid_chain: Literal["Mainnet", "Testnet"]

    def stamp(self) -> int:
        """The nonce within the action."""
        raise NotImplementedError

    def tidy(self) -> None:
        """Lower-case its addresses, in place; raises BadShape for what is no address."""
        for name in self.__struct_fields__:
            text = getattr(self, name)
            if name in _ADDRESSES or (name == "from_sub_account" and text):
                setattr(self, name, canonical.address(text))


class Timed(UserSigned, kw_only=True):
    """Its nonce is called `time`."""

    time: Whole

    def stamp(self) -> int:
        return self.time


class Counted(UserSigned, kw_only=True):
    """Its nonce is called `nonce`."""

    nonce: Whole

    def stamp(self) -> int:
        return self.nonce


class UsdSend(Timed, tag="usdSend", kw_only=True):
    destination: Text
    amount: Text


class SpotSend(Timed, tag="spotSend", kw_only=True):
    destination: Text
    token: Text
    amount: Text


class Withdraw(Timed, tag="withdraw3", kw_only=True):
    destination: Text
    amount: Text


class UsdClassTransfer(Counted, tag="usdClassTransfer", kw_only=True):
    amount: Text
    to_perp: bool


class SendAsset(Counted, tag="sendAsset", kw_only=True):
    destination: Text
    source_dex: Text
    destination_dex: Text
    token: Text
    amount: Text
    from_sub_account: Text


class ApproveAgent(Counted, tag="approveAgent", kw_only=True):
    agent_address: Text
    agent_name: Text | None = None


class ApproveBuilderFee(Counted, tag="approveBuilderFee", kw_only=True):
    max_fee_rate: Text
    builder: Text


class SetAbstraction(Counted, tag="userSetAbstraction", kw_only=True):
    user: Text
    abstraction: Literal["disabled", "unifiedAccount", "portfolioMargin", "dexAbstraction"]


class SetDexAbstraction(Counted, tag="userDexAbstraction", kw_only=True):
    user: Text
    enabled: bool


class TokenDelegate(Counted, tag="tokenDelegate", kw_only=True):
    validator: Text
    wei: Whole
    is_undelegate: bool


class SetPortfolioMargin(Counted, tag="userPortfolioMargin", kw_only=True):
    user: Text
    enabled: bool


class StakingDeposit(Counted, tag="cDeposit", kw_only=True):
    wei: Whole


class StakingWithdrawal(Counted, tag="cWithdraw", kw_only=True):
    wei: Whole


class LinkStakingUser(Counted, tag="linkStakingUser", kw_only=True):
    user: Text
    is_finalize: bool


class ConvertToMultiSig(Counted, tag="convertToMultiSigUser", kw_only=True):
    signers: Text


_ADDRESSES: Final = frozenset({"destination", "agent_address", "builder", "user", "validator"})


class Kind(Struct, frozen=True):
    """The typed data of an action; `fields` are (name, type) in its order."""

    shape: type[UserSigned]
    primary_type: str
    fields: tuple[tuple[str, str], ...]


def _kind(shape: type[UserSigned], name: str, fields: str) -> Kind:
    pairs = [("hyperliquidChain", "string")]
    pairs.extend((field, type_) for type_, field in (pair.split() for pair in fields.split(",")))
    return Kind(shape, f"HyperliquidTransaction:{name}", tuple(pairs))


KINDS: Final[dict[str, Kind]] = {
    "usdSend": _kind(UsdSend, "UsdSend", "string destination,string amount,uint64 time"),
    "spotSend": _kind(
        SpotSend, "SpotSend", "string destination,string token,string amount,uint64 time"
    ),
    "withdraw3": _kind(Withdraw, "Withdraw", "string destination,string amount,uint64 time"),
    "usdClassTransfer": _kind(
        UsdClassTransfer, "UsdClassTransfer", "string amount,bool toPerp,uint64 nonce"
    ),
    "sendAsset": _kind(
        SendAsset,
        "SendAsset",
        "string destination,string sourceDex,string destinationDex,string token,string amount,"
        "string fromSubAccount,uint64 nonce",
    ),
    "approveAgent": _kind(
        ApproveAgent, "ApproveAgent", "address agentAddress,string agentName,uint64 nonce"
    ),
    "approveBuilderFee": _kind(
        ApproveBuilderFee, "ApproveBuilderFee", "string maxFeeRate,address builder,uint64 nonce"
    ),
    "userSetAbstraction": _kind(
        SetAbstraction, "UserSetAbstraction", "address user,string abstraction,uint64 nonce"
    ),
    "userDexAbstraction": _kind(
        SetDexAbstraction, "UserDexAbstraction", "address user,bool enabled,uint64 nonce"
    ),
    "tokenDelegate": _kind(
        TokenDelegate,
        "TokenDelegate",
        "address validator,uint64 wei,bool isUndelegate,uint64 nonce",
    ),
    "userPortfolioMargin": _kind(
        SetPortfolioMargin, "UserPortfolioMargin", "address user,bool enabled,uint64 nonce"
    ),
    "cDeposit": _kind(StakingDeposit, "CDeposit", "uint64 wei,uint64 nonce"),
    "cWithdraw": _kind(StakingWithdrawal, "CWithdraw", "uint64 wei,uint64 nonce"),
    "linkStakingUser": _kind(
        LinkStakingUser, "LinkStakingUser", "address user,bool isFinalize,uint64 nonce"
    ),
    "convertToMultiSigUser": _kind(
        ConvertToMultiSig, "ConvertToMultiSigUser", "string signers,uint64 nonce"
    ),
}

_ATTRIBUTES: Final = {
    name: {field.encode_name: field.name for field in msgspec.structs.fields(kind.shape)}
    for name, kind in KINDS.items()
}


def values(name: str, action: UserSigned) -> Fields:
    """The typed data of an action that is called `name`; a null text is an empty one."""
    attributes = _ATTRIBUTES[name]
    found = (
        (field, type_, getattr(action, attributes[field])) for field, type_ in KINDS[name].fields
    )
    return [(field, type_, "" if value is None else value) for field, type_, value in found]


def chain_id(text: str) -> int:
    """The chain of the wallet, written in hexadecimal; raises BadShape for anything else."""
    if not _CHAIN.fullmatch(text):
        raise BadShape
    return int(text, 16)


def type_text(primary_type: str, fields: Fields) -> str:
    """The type as EIP-712 writes it: `Name(type field,...)`."""
    return f"{primary_type}({','.join(f'{type_} {name}' for name, type_, _ in fields)})"


def encode_value(type_: str, value: object, keccak: Callable[[bytes], bytes]) -> bytes:
    """The 32 bytes of one field, whose value is of the type."""
    if isinstance(value, str):
        if type_ == "address":
            return bytes.fromhex(value[2:]).rjust(32, b"\x00")
        return keccak(value.encode())
    assert isinstance(value, int), (type_, value)
    return int(value).to_bytes(32, "big")
