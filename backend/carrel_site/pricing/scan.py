"""The first pass over a question's SQL: tokens, each refused or allowed where it stands.

sqlglot reads far more SQL than a question may contain, and its tree does not say where most of
its nodes stood. So the text is refused, by token, before it is parsed; what remains is a small
language whose leaves (names, literals) stand in the tree in the order they stand in the text.
"""

import bisect
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import Dialect, Token, TokenError, TokenType

from carrel_site.pricing import advice
from carrel_site.pricing.errors import QueryNotAllowed

MAX_CHARACTERS = 32_000
MAX_TOKENS = 5_000
MAX_PARENTHESES = 16
"""Nesting that a question may have; sqlglot spends about 24 Python frames on each."""
MAX_PREFIXES = 2
MAX_ERRORS = 10
DIALECT = Dialect.get_or_raise("")

AGGREGATES = ("COUNT", "SUM", "AVG")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
_NUMBER = re.compile(r"\d{1,18}(\.\d{1,12})?\Z")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|['"]|/\*""", re.DOTALL)
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_STRUCTURE = {
    TokenType.SELECT, TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.AND,
    TokenType.OR, TokenType.NOT, TokenType.IN, TokenType.BETWEEN, TokenType.IS, TokenType.ALIAS,
}  # fmt: skip
_LEAVES = {
    TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.STRING, TokenType.TRUE, TokenType.FALSE,
    TokenType.NULL,
}  # fmt: skip
_PUNCTUATION = {
    TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA, TokenType.STAR, TokenType.PLUS,
    TokenType.DASH, TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT,
    TokenType.GTE, TokenType.DOT, TokenType.SEMICOLON,
}  # fmt: skip
_CLAUSES = {
    TokenType.SELECT: "SELECT", TokenType.FROM: "FROM", TokenType.WHERE: "WHERE",
    TokenType.GROUP_BY: "GROUP BY",
}  # fmt: skip


class Text:
    """The question as it was written; offsets turn into lines and columns, both from 1."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", sql))]

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def error(self, offset: int, message: str) -> dict[str, int | str]:
        line, column = self.place(offset)
        return {"line": line, "column": column, "message": message}


@dataclass(slots=True)
class Scanned:
    tokens: list[Token]
    """What the parser gets: every name is a quoted identifier, so that none is a keyword."""
    leaves: list[Token]
    """Names, literals and called functions, in the order they stand."""


@dataclass(slots=True)
class _Scan:
    text: Text
    errors: dict[str, int] = field(default_factory=dict)
    """First offset by message: `LEFT OUTER JOIN` is one mistake, not three."""

    def refuse(self, offset: int, message: str) -> None:
        self.errors.setdefault(message, offset)

    def finish(self) -> None:
        if self.errors:
            found = sorted((offset, message) for message, offset in self.errors.items())
            raise QueryNotAllowed(
                self.text.error(offset, message) for offset, message in found[:MAX_ERRORS]
            )


def scan(text: Text) -> Scanned:
    """Tokens of an allowed question. Raises `QueryNotAllowed` with every refused token."""
    state = _Scan(text)
    tokens = _tokenise(state)
    _check_characters(state, tokens)
    state.finish()
    if not tokens:
        raise QueryNotAllowed([text.error(0, f"the question is empty; {advice.OTHER_STATEMENT}")])
    if len(tokens) > MAX_TOKENS:
        place = tokens[MAX_TOKENS].start
        raise QueryNotAllowed(
            [text.error(place, f"a question has at most {MAX_TOKENS} words and signs")]
        )
    _check_nesting(state, tokens)
    state.finish()
    scanned = _Reader(state, tokens).read()
    state.finish()
    return scanned


def _tokenise(state: _Scan) -> list[Token]:
    sql = state.text.sql
    if len(sql) > MAX_CHARACTERS:
        state.refuse(MAX_CHARACTERS, f"a question has at most {MAX_CHARACTERS} characters")
        state.finish()
    try:
        return DIALECT.tokenize(sql)
    except TokenError as error:
        opened = next((m for m in _QUOTED.finditer(sql) if m.group() in ("'", '"', "/*")), None)
        if opened is not None:
            state.refuse(opened.start(), f"this {opened.group()} is never closed")
        else:
            state.refuse(error.start or 0, "this is not SQL that can be read")
        state.finish()
        raise AssertionError from error  # finish() has raised


def _check_characters(state: _Scan, tokens: list[Token]) -> None:
    """Refuse what a reader would not see, or would see otherwise than it is."""
    sql = state.text.sql
    for match in _BIDI.finditer(sql):
        state.refuse(match.start(), f"{_named(match.group())} is not allowed; remove it")
    if sql.isascii() and sql.isprintable():
        return
    for start, part in _outside_strings(sql, tokens):
        for index, character in enumerate(part):
            if character in "\t\n\r" or " " <= character <= "~":
                continue
            state.refuse(
                start + index,
                f"{_named(character)} is not allowed here; "
                "only text between quotes may go beyond ASCII",
            )


def _outside_strings(sql: str, tokens: list[Token]) -> Iterator[tuple[int, str]]:
    """The stretches of `sql` that are neither text literals nor comments."""
    last = 0
    for token in tokens:
        yield last, _without_comments(sql[last : token.start])
        if token.token_type != TokenType.STRING:
            yield token.start, sql[token.start : token.end + 1]
        last = token.end + 1
    yield last, _without_comments(sql[last:])


def _without_comments(gap: str) -> str:
    return _COMMENT.sub(lambda match: " " * len(match.group()), gap)


def _named(character: str) -> str:
    name = unicodedata.name(character, "a control character").lower()
    return f"the character U+{ord(character):04X} ({name})"


def _check_nesting(state: _Scan, tokens: list[Token]) -> None:
    depth = prefixes = 0
    for token in tokens:
        if token.token_type == TokenType.L_PAREN:
            depth += 1
        elif token.token_type == TokenType.R_PAREN:
            depth -= 1
        prefix = token.token_type in (TokenType.NOT, TokenType.DASH, TokenType.PLUS)
        prefixes = prefixes + 1 if prefix else 0
        if depth > MAX_PARENTHESES:
            state.refuse(
                token.start, f"parentheses nest at most {MAX_PARENTHESES} deep; write it flatter"
            )
            return
        if prefixes > MAX_PREFIXES + 1:
            state.refuse(token.start, "so many signs or NOTs in a row are not allowed; use one")
            return


class _Reader:
    """One pass over the tokens, with the clause and the depth it is in."""

    def __init__(self, state: _Scan, tokens: list[Token]) -> None:
        self.state = state
        self.tokens = tokens
        self.scanned = Scanned([], [])
        self.clause = ""
        self.depth = 0

    def read(self) -> Scanned:
        first = self.tokens[0]
        if first.token_type != TokenType.SELECT:
            word = first.text.upper()
            self.state.refuse(first.start, advice.KEYWORDS.get(word, advice.OTHER_STATEMENT))
        for index, token in enumerate(self.tokens):
            if token.token_type == TokenType.SEMICOLON:
                if index + 1 < len(self.tokens):
                    after = self.tokens[index + 1]
                    self.state.refuse(after.start, "only one question can be asked at a time")
                break
            self.one(index, token)
        return self.scanned

    def after(self, index: int) -> Token | None:
        return self.tokens[index + 1] if index + 1 < len(self.tokens) else None

    def keep(self, token: Token, *, leaf: bool = False) -> None:
        self.scanned.tokens.append(token)
        if leaf:
            self.scanned.leaves.append(token)

    def one(self, index: int, token: Token) -> None:
        before = self.tokens[index - 1] if index else None
        after = self.after(index)
        kind = token.token_type
        word = " ".join(token.text.upper().split())
        if kind in (TokenType.STRING, TokenType.IDENTIFIER):
            self.quoted(token, after)
        elif kind == TokenType.NUMBER:
            self.number(token, after)
        elif kind in (TokenType.TRUE, TokenType.FALSE):
            self.keep(token, leaf=True)
        elif kind == TokenType.NULL:
            self.null(index, token)
        elif kind in _STRUCTURE:
            self.structure(token, before)
        elif kind in _PUNCTUATION:
            self.punctuation(token, before, after)
        elif before is not None and before.token_type == TokenType.ALIAS and _NAME.match(word):
            self.name(token)
        elif (
            after is not None
            and after.token_type == TokenType.L_PAREN
            and word not in advice.KEYWORDS
            and _NAME.match(word)
        ):
            self.call(token, word)
        elif word in advice.KEYWORDS:
            self.state.refuse(token.start, advice.KEYWORDS[word])
        elif _NAME.match(word):
            self.name(token)
        else:
            self.symbol(token)

    def quoted(self, token: Token, after: Token | None) -> None:
        if token.token_type == TokenType.STRING:
            if self.state.text.sql[token.start] != "'":
                self.state.refuse(token.start, "text is written between single quotes: 'text'")
            self.keep(token, leaf=True)
        elif after is not None and after.token_type == TokenType.L_PAREN:
            self.state.refuse(token.start, advice.FUNCTION)
        else:
            self.name(token)

    def name(self, token: Token) -> None:
        if not _NAME.match(token.text):
            self.state.refuse(token.start, advice.NAMES)
        quoted = Token(
            TokenType.IDENTIFIER, token.text, token.line, token.col, token.start, token.end
        )
        self.keep(quoted, leaf=True)

    def call(self, token: Token, word: str) -> None:
        if word not in AGGREGATES:
            self.state.refuse(token.start, advice.FUNCTIONS.get(word, advice.FUNCTION))
        elif self.clause == "WHERE":
            self.state.refuse(token.start, advice.AGGREGATE_IN_WHERE)
        self.keep(
            Token(TokenType.VAR, word, token.line, token.col, token.start, token.end), leaf=True
        )

    def number(self, token: Token, after: Token | None) -> None:
        glued = (
            after is not None
            and after.start == token.end + 1
            and (after.token_type == TokenType.DOT or _NAME.match(after.text) is not None)
        )
        if glued or not _NUMBER.match(token.text):
            self.state.refuse(
                token.start,
                "write the number out, with at most 18 digits before the point and 12 after it",
            )
        self.keep(token, leaf=True)

    def null(self, index: int, token: Token) -> None:
        kinds = [t.token_type for t in self.tokens[max(0, index - 2) : index]]
        if kinds[-1:] != [TokenType.IS] and kinds != [TokenType.IS, TokenType.NOT]:
            self.state.refuse(token.start, advice.NULL)
        self.keep(token, leaf=True)

    def structure(self, token: Token, before: Token | None) -> None:
        kind = token.token_type
        if kind == TokenType.SELECT and before is not None:
            message = advice.SUBQUERY if self.depth else advice.OTHER_STATEMENT
            self.state.refuse(token.start, message)
        if self.depth == 0 and kind in _CLAUSES:
            self.clause = _CLAUSES[kind]
        self.keep(token)

    def punctuation(self, token: Token, before: Token | None, after: Token | None) -> None:
        kind = token.token_type
        if kind == TokenType.L_PAREN:
            self.depth += 1
        elif kind == TokenType.R_PAREN:
            self.depth -= 1
        elif kind == TokenType.COMMA and self.clause == "FROM":
            self.state.refuse(token.start, advice.JOIN)
        elif kind == TokenType.STAR and self.clause == "SELECT" and before is not None:
            starts = before.token_type in (TokenType.SELECT, TokenType.COMMA, TokenType.DOT)
            if starts:
                self.state.refuse(token.start, advice.STAR)
        elif kind == TokenType.DOT and (
            before is None
            or not _NAME.match(before.text)
            or after is None
            or after.token_type == TokenType.NUMBER
        ):
            self.state.refuse(token.start, "write a number with a digit before the point: 0.5")
        self.keep(token)

    def symbol(self, token: Token) -> None:
        text = token.text
        message = advice.SYMBOLS.get(text) or advice.SYMBOLS.get(text[:1])
        if text[:1].isalpha():
            message = advice.NAMES
        self.state.refuse(
            token.start, message or f"{text[:20]!r} is not allowed; {advice.OTHER_STATEMENT}"
        )
