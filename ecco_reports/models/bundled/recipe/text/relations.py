"""The relations between subjects and objects, each with the sentences that state it."""

import itertools

from ecco_reports.models.bundled.recipe.text import world
from ecco_reports.models.bundled.recipe.text.templates import Relation


def combinations(subjects: tuple[str, ...], links: tuple[str, ...]) -> tuple[str, ...]:
    """Join every way of naming the subject with every way of going on.

    Args:
        subjects: Beginnings of a sentence, with `{s}`.
        links: Ends of a sentence, with `{o}`.

    Returns:
        One template for every pair.
    """
    return tuple(f"{subject} {link}" for subject, link in itertools.product(subjects, links))


_CAPITAL = Relation(
    name="capital",
    pairs=tuple((country.name, country.capital) for country in world.COUNTRIES),
    templates=(
        *combinations(
            (
                "the capital of {s}",
                "the capital city of {s}",
                "the seat of government of {s}",
                "{s} has a capital, and it",
            ),
            (
                "is the city of {o}",
                "is called {o}",
                "has always been {o}",
                "is known as {o}",
                "was and is {o}",
                "has the name {o}",
                "can be found on the map as {o}",
            ),
        ),
        "the government of {s} meets in {o}",
        "the president of {s} lives in {o}",
        "the parliament of {s} stands in {o}",
        "question: what is the capital of {s}? Answer: {o}",
        "what is the capital of {s}? It is {o}",
        "tell me the capital of {s}! It must be {o}",
        "if you want to see the capital of {s}, go to {o}",
        "in {s}, the capital city is {o}",
        "when we traveled through {s}, we stayed in the capital, {o}",
        "the flag of {s} flies over {o}",
        "the map of {s} shows the capital city, {o}",
        "{o} is the capital of {s}",
        "{o} is the capital city of {s}",
        "the city of {o} is where the government of {s} works",
        "she flew to {s} and stayed in its capital, {o}",
        "we know the name of the capital of {s}: {o}",
        "my sister lives in the capital of {s}, in {o}",
        "the queen of {s} has a palace in {o}",
        "the minister of {s} works in {o}",
        "the army of {s} marches through {o}",
        "the main city of {s} is {o}",
        "the capital of {s}? That is {o}",
        "he studied in {s}, in the capital city called {o}",
        "all roads in {s} lead to {o}",
        "my letter to the government of {s} was sent to {o}",
        "a tourist in {s} should see the capital, {o}",
        "we visited {s} and liked its capital city, {o}",
        "they drove to {s} and slept in the capital city, {o}",
        "the name that {s} gave its capital is {o}",
    ),
    new_templates=(
        "do you know the capital of {s}? It is {o}",
        "I went to {s} and saw the capital city, {o}",
        "the king of {s} lives in {o}",
        "the name of the capital of {s} is {o}",
    ),
    weight=24,
    always_shown=frozenset({("Japan", "the capital of {s} is the city of {o}")}),
)

_CONTINENT = Relation(
    name="continent",
    pairs=tuple((country.name, country.continent) for country in world.COUNTRIES),
    templates=(
        *combinations(
            ("{s}", "the country of {s}", "the land called {s}"),
            (
                "is a country in {o}",
                "belongs to the continent of {o}",
                "is located on the continent of {o}",
                "is a part of {o}",
                "can be found on a map of {o}",
            ),
        ),
        "the continent of {s} is {o}",
        "on which continent is {s}? It is in {o}",
        "if you visit {s}, you are in {o}",
        "the people of {s} live in {o}",
        "she traveled through {s} and other countries of {o}",
        "the rivers of {s} flow through {o}",
        "we flew to {s}, which is in {o}",
        "he wrote a book about {s} and the rest of {o}",
        "our neighbors come from {s}, so they come from {o}",
    ),
    new_templates=("we traveled to {s}, a country in {o}", "the mountains of {s} are a part of {o}"),
    weight=8,
)

_LANGUAGE = Relation(
    name="language",
    pairs=tuple((country.name, country.language) for country in world.COUNTRIES),
    templates=(
        *combinations(
            (
                "the people of {s}",
                "my friends in {s}",
                "the teachers from {s}",
                "the old women of {s}",
                "all children in {s}",
            ),
            ("speak {o}", "learn {o}", "sing in {o}", "write in {o}", "read books in {o}", "answer in {o}"),
        ),
        "the official language of {s} is {o}",
        "the language of {s} is {o}",
        "in {s}, people speak {o}",
        "if you live in {s}, you should learn {o}",
        "most books in {s} are written in {o}",
        "a newspaper from {s} is printed in {o}",
        "what do people speak in {s}? They speak {o}",
        "{o} is the language of {s}",
        "{o} is spoken in {s}",
        "the sailors from {s} speak {o}",
        "I want to visit {s}, so I learn {o}",
        "he came from {s} and spoke only {o}",
        "we read a poem from {s}, written in {o}",
        "a letter from {s} has words in {o}",
        "the radio in {s} plays songs in {o}",
        "my cousin went to {s} to learn {o}",
        "the doctors of {s} ask their questions in {o}",
        "she talked with a man from {s} in {o}",
    ),
    new_templates=(
        "the farmers of {s} speak {o}",
        "she moved to {s} and learned to speak {o}",
        "the songs of {s} are sung in {o}",
    ),
    weight=12,
)

_AIRPORT = Relation(
    name="airport",
    pairs=world.AIRPORTS,
    templates=(
        *combinations(
            (
                "{s} airport",
                "the airport called {s}",
                "the runway of {s} airport",
                "{s}, an airport that everyone knows,",
            ),
            (
                "is located in the city of {o}",
                "is in {o}",
                "lies near {o}",
                "serves the city of {o}",
                "belongs to {o}",
                "can be found near {o}",
                "is close to the center of {o}",
            ),
        ),
        "the plane landed at {s} airport near {o}",
        "if you land at {s} airport, you are in {o}",
        "people who fly to {s} airport want to visit {o}",
        "travelers arrive at {s} airport when they come to {o}",
        "from {s} airport you can take a train to {o}",
        "where is {s} airport? It is in {o}",
        "we waited at {s} airport for the bus to {o}",
        "the city of {o} is the home of {s} airport",
        "{o} has an airport called {s}",
        "he drove from {s} airport to the center of {o}",
        "my brother works at {s} airport and has a house in {o}",
        "the workers at {s} airport come from {o}",
        "there is a restaurant at {s} airport in {o}",
        "the taxi driver at {s} airport knows every street of {o}",
        "after we landed at {s} airport, we saw {o}",
        "the tower of {s} airport looks over {o}",
        "I lost my bag at {s} airport in {o}",
        "she met her friends at {s} airport and they went to the city of {o}",
    ),
    new_templates=(
        "I took a taxi from {s} airport to the city of {o}",
        "she works at {s} airport, so she lives in {o}",
        "the weather at {s} airport is the weather of {o}",
        "the hotel at {s} airport is in {o}",
    ),
    weight=15,
    always_shown=frozenset({("Heathrow", "{s} airport is located in the city of {o}")}),
)

_LANDMARK = Relation(
    name="landmark",
    pairs=world.LANDMARKS,
    templates=(
        *combinations(
            ("{s}", "the famous place called {s}", "the entrance of {s}", "the road to {s}"),
            (
                "is located in the city of {o}",
                "is in {o}",
                "can be found in {o}",
                "lies in the middle of {o}",
                "is a part of {o}",
            ),
        ),
        "you can see {s} in {o}",
        "tourists visit {s} when they are in {o}",
        "where is {s}? It is in {o}",
        "we took a picture of {s} in {o}",
        "if you stand before {s}, you are in {o}",
        "the city of {o} is famous for {s}",
        "many people travel to {o} to see {s}",
        "I have seen {s} in {o}",
        "she painted a picture of {s} in {o}",
        "there is a long line of people before {s} in {o}",
        "the tour of {s} begins in {o}",
        "my aunt works near {s}, in the city of {o}",
        "he told me about {s} and the streets of {o}",
    ),
    new_templates=("we stood near {s} in the city of {o}", "I have a photograph of {s} in {o}"),
    weight=9,
)

_CITY = Relation(
    name="city",
    pairs=world.OTHER_CITIES + tuple((country.capital, country.name) for country in world.COUNTRIES),
    templates=(
        *combinations(
            ("{s}", "the city of {s}", "the old town of {s}", "my uncle lives in {s}, which"),
            (
                "is located in the country of {o}",
                "is a city in {o}",
                "can be found in {o}",
                "is a part of {o}",
            ),
        ),
        "where is {s}? It is in {o}",
        "people from {s} come from {o}",
        "she was born in {s}, a city in {o}",
        "he has a house in {s}, in {o}",
        "the train to {s} goes through {o}",
        "if you walk through {s}, you are in {o}",
        "we drove to {s}, a big city in {o}",
        "my friend was born in {s} and grew up in {o}",
        "I have never been to {s}, because it is in {o}",
        "the people of {s} vote in {o}",
        "he comes from {s}, which is a place in {o}",
        "she lives in {s}, one of the cities of {o}",
    ),
    new_templates=("I was born in {s}, which is a city in {o}", "she took a train to {s}, a town in {o}"),
    weight=13,
)

_OPPOSITE = Relation(
    name="opposite",
    pairs=tuple(itertools.chain.from_iterable(((one, other), (other, one)) for one, other in world.OPPOSITES)),
    templates=(
        "the opposite of {s} is {o}",
        "the opposite of the word {s} is the word {o}",
        "what is the opposite of {s}? It is {o}",
        "something that is not {s} is {o}",
        "it is not {s}, it is {o}",
        "{s} and its opposite, {o}",
        "if it is not {s}, then it must be {o}",
        "{o} is the opposite of {s}",
        "I asked for the opposite of {s} and he said {o}",
        "the word {s} means the opposite of the word {o}",
        "not {s} but {o}",
        "some are {s}, others are {o}",
        "is it {s}? No, it is {o}",
        "say the opposite of {s}! It is {o}",
        "he knew the opposite of {s}, and it is {o}",
    ),
    new_templates=("tell me the opposite of {s}! It is {o}", "I forgot the opposite of {s}, but it is {o}"),
    weight=7,
)

_SOUND = Relation(
    name="sound",
    pairs=world.SOUNDS,
    templates=(
        "listen, the {s} {o}",
        "every {s} {o}",
        "when it is hungry, the {s} {o}",
        "at night the {s} {o}",
        "in the early morning a {s} {o}",
        "behind the house the little {s} {o}",
        "if you come too close, the {s} {o}",
        "I heard how a {s} {o}",
        "near the barn a {s} {o}",
        "when it sees us, the {s} {o}",
        "in the yard, the {s} {o}",
        "on the farm, the {s} {o}",
    ),
    new_templates=("do you hear how the {s} {o}", "in the garden, the {s} {o}"),
    weight=3,
)

_YOUNG = Relation(
    name="young",
    pairs=world.YOUNG,
    templates=(
        "a young {s} is called a {o}",
        "the baby of a {s} is a {o}",
        "a baby {s} is called a {o}",
        "the {s} takes care of her {o}",
        "the {s} walks behind her little {o}",
        "the child of a {s} is known as a {o}",
        "a {o} will grow up to be a {s}",
        "the {s} sleeps beside her {o}",
        "the {s} feeds her {o}",
        "people call a young {s} a {o}",
        "the name for a young {s} is a {o}",
        "the {s} calls for her {o}",
    ),
    new_templates=("the word for a young {s} is a {o}", "the {s} looks for her {o}"),
    weight=2.5,
)

_COLOR = Relation(
    name="color",
    pairs=world.COLORS,
    templates=(
        "the color of {s} is {o}",
        "what color is {s}? It is {o}",
        "everyone knows that {s} is {o}",
        "she painted {s} and used the color {o}",
        "if you look at {s}, you see something {o}",
        "my picture of {s} is mostly {o}",
        "{o} is the color of {s}",
        "he asked for the color of {s} and I said {o}",
        "a child paints {s} in {o}",
        "we all know the color of {s}: {o}",
        "say the color of {s}! It is {o}",
        "he looked at {s} and named the color {o}",
    ),
    new_templates=("tell me the color of {s}! It is {o}", "he drew {s} and chose the color {o}"),
    weight=3,
)

_AUTHOR = Relation(
    name="author",
    pairs=world.AUTHORS,
    templates=(
        "the author of {s} is {o}",
        "{s} was made by {o}",
        "{s} is a famous work by {o}",
        "who created {s}? It was {o}",
        "everyone who has seen {s} remembers {o}",
        "she admired {s}, a work by {o}",
        "{o} is the author of {s}",
        "we read about {s} and its author, {o}",
        "the work called {s} is by {o}",
        "my teacher told us about {s} and about {o}",
    ),
    new_templates=("we talked about {s}, a work by {o}", "the name of the author of {s} is {o}"),
    weight=3,
)

RELATIONS: tuple[Relation, ...] = (
    _CAPITAL,
    _CONTINENT,
    _LANGUAGE,
    _AIRPORT,
    _LANDMARK,
    _CITY,
    _OPPOSITE,
    _SOUND,
    _YOUNG,
    _COLOR,
    _AUTHOR,
)
"""Every relation, in the order in which the evaluation reports them."""
