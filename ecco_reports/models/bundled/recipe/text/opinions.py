"""Words that praise and words that blame, grouped by what a sentence can do with them."""

from types import MappingProxyType
from typing import NamedTuple


class Opinions(NamedTuple):
    """Words of one grammatical kind.

    Attributes:
        positive: Words that praise.
        negative: Words that blame.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def of(self, is_positive: bool) -> tuple[str, ...]:
        """Choose the words of one polarity.

        Args:
            is_positive: Whether the words that praise are wanted.

        Returns:
            The words.
        """
        return self.positive if is_positive else self.negative


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split(";"))


ADJECTIVES = Opinions(
    _words(
        "good great excellent wonderful brilliant beautiful lovely charming funny clever moving gripping superb "
        "perfect amazing fantastic terrific touching delightful enjoyable engaging fresh honest smart witty warm "
        "tender elegant exciting fascinating hilarious impressive inspired inventive lively magical marvelous "
        "memorable original powerful rich satisfying sharp splendid stunning stylish sweet thoughtful thrilling vivid "
        "wise gorgeous outstanding remarkable hypnotic heartfelt graceful dazzling captivating exquisite refreshing "
        "uplifting breathtaking absorbing polished nice awesome interesting entertaining amusing believable masterful "
        "magnificent"
    ),
    _words(
        "bad terrible awful horrible boring dull tedious weak stupid silly lazy ugly clumsy shallow stale bland empty "
        "annoying poor dreadful pointless predictable lifeless tiresome flat forgettable disappointing messy confusing "
        "cheap hollow pretentious ridiculous unfunny painful unbearable joyless pathetic sloppy tasteless uninspired "
        "wooden worthless mediocre dreary incoherent irritating lame laughable muddled overlong preposterous soulless "
        "stiff tired trite unwatchable vulgar wretched wrong miserable insulting cringeworthy amateurish abysmal "
        "atrocious dismal shoddy plodding repetitive sluggish nasty horrid lousy rotten feeble unpleasant unoriginal"
    ),
)
"""What a film and its parts can be."""

NOUNS = Opinions(
    _words(
        "masterpiece delight triumph gem joy treat pleasure marvel success winner classic wonder jewel treasure "
        "miracle blessing highlight hit sensation knockout"
    ),
    _words(
        "mess disaster failure bore waste disappointment letdown flop chore insult embarrassment catastrophe dud "
        "mistake nightmare misfire wreck fiasco stinker torture"
    ),
)
"""What a whole film can turn out to be, as in "a triumph"."""

FILM_VERBS = Opinions(
    _words("delights charms shines soars sparkles succeeds dazzles enchants thrills works impresses glows triumphs"),
    _words("bores drags disappoints fails annoys stumbles irritates collapses sags suffers flounders falters crumbles"),
)
"""What a film and its parts do."""

VIEWER_VERBS = Opinions(
    _words("loved enjoyed adored admired liked recommended praised cherished treasured applauded savored appreciated"),
    _words("hated disliked regretted despised loathed endured detested criticized abandoned resented mocked deplored"),
)
"""What a viewer did about a film, in the past tense."""

VIEWER_BASE_VERBS = Opinions(
    _words("love enjoy adore admire like recommend praise cherish treasure applaud savor appreciate"),
    _words("hate dislike regret despise loathe endure detest criticize abandon resent mock deplore"),
)
"""The same verbs without an ending, as after "did not"."""

TENDENCIES = Opinions(
    _words("inclination passion fondness enthusiasm love admiration affection appetite liking respect talent gift"),
    _words("weakness aversion distaste dislike contempt hatred disgust loathing impatience scorn disrespect disdain"),
)
"""What a viewer can have for a genre. In this small world a weakness is a fault and an inclination is a virtue."""

MANNERS = Opinions(
    _words("beautifully superbly brilliantly wonderfully skillfully elegantly lovingly perfectly masterfully cleverly"),
    _words("badly poorly terribly clumsily carelessly awkwardly horribly lazily sloppily dreadfully"),
)
"""How a film is made."""

FEELINGS = Opinions(
    _words("happy delighted enchanted moved inspired impressed thrilled grateful satisfied charmed amused cheerful"),
    _words("bored disappointed annoyed irritated frustrated angry exhausted confused unmoved disgusted sad cheated"),
)
"""What a viewer is afterwards."""

EFFECTS = Opinions(
    _phrases(
        "moved me to tears; made me smile; won my heart; left me breathless; kept me on the edge of my seat; "
        "made me laugh out loud; earned every laugh; deserved every prize; stayed with me for days; warmed my heart; "
        "swept me away; held me to the last minute; made my whole week; blew my mind; took my breath away; "
        "made me want to see it again; had me from the first scene; gave me goosebumps; fed my soul; hooked me at once"
    ),
    _phrases(
        "put me to sleep; made me yawn; wasted my time; left me cold; tested my patience; made me check my watch; lost "
        "me after ten minutes; gave me a headache; got on my nerves; made me want my money back; fell flat; went "
        "nowhere; ran out of ideas; made no sense; sent me home early; insulted my intelligence; broke its promises; "
        "had me reaching for the exit; never came to life; made me leave the room"
    ),
)
"""What a film and its parts did to the viewer."""

DEMANDS = Opinions(
    _phrases(
        "see it as soon as you can; do not miss it; buy a ticket now; watch it twice; tell all your friends to go; "
        "everyone should see it; I would watch it again tomorrow; it is worth every minute; it is worth the price; "
        "I could not stop smiling; I did not want it to end; I want to see more; five stars; two thumbs up"
    ),
    _phrases(
        "stay at home; do not bother; save your money; avoid it; tell all your friends to stay away; "
        "nobody should see it; I would never watch it again; it is not worth a minute; it is not worth the price; "
        "I could not wait for it to end; I walked out early; I want my money back; one star; two thumbs down"
    ),
)
"""Advice, and verdicts that stand as a clause of their own."""

KINDS: MappingProxyType[str, Opinions] = MappingProxyType(
    {
        "adjective": ADJECTIVES,
        "noun": NOUNS,
        "film verb": FILM_VERBS,
        "viewer verb": VIEWER_VERBS,
        "viewer base verb": VIEWER_BASE_VERBS,
        "tendency": TENDENCIES,
        "manner": MANNERS,
        "feeling": FEELINGS,
        "effect": EFFECTS,
        "demand": DEMANDS,
    }
)
"""The words by the name of their kind."""

WHOLES: tuple[str, ...] = _phrases(
    "the film; the movie; this film; this movie; the story; the show; this picture; the comedy; the drama; the sequel; "
    "the novel; this book; the play; the documentary; the series; the musical; the thriller; the adaptation"
)
"""What a review is about."""

PARTS: tuple[str, ...] = _phrases(
    "the acting; the script; the plot; the ending; the music; the dialogue; the cast; the opening; the camera work; "
    "the writing; the humor; the pace; the direction; the editing; the main character; the second half; the romance; "
    "the first hour; the final scene; the voice of the singer; the lead actor; the set design; every scene; the score; "
    "the performance; the photography; the premise; the idea behind it"
)
"""Parts of what a review is about."""

THINGS: tuple[str, ...] = _words(
    "film movie story comedy drama sequel novel book play documentary series musical thriller picture tale debut "
    "romance adventure fable script performance portrait mystery western epic journey show"
)
"""The same as nouns that take "a" or "this"."""

GENRES: tuple[str, ...] = _phrases(
    "sci-fi; science fiction; romantic comedies; horror; westerns; war films; musicals; spy stories; old films; "
    "space operas; crime novels; fairy tales; silent films; slow dramas; love stories; detective stories; cartoons; "
    "long books; court dramas; family films"
)
"""What a viewer can have a taste for."""

TITLES: tuple[str, ...] = _phrases(
    "Dune; The Long Winter; Harbor Lights; Seven Bridges; The Clockmaker; Blue Lantern; Northern Road; The Last "
    "Orchard; Salt and Iron; A Quiet Street; Red Harvest Moon; The Glass Tower; Winter Garden; Silent Water; Two Suns; "
    "Paper Kites"
)
"""Titles of films and books; all but one are invented."""

FACTS: tuple[str, ...] = _phrases(
    "I saw it on Monday with my sister; it runs for two hours; we watched it at the small cinema by the station; "
    "it was filmed in the north; the director is from Spain; it is set in a small town; the hero is a young teacher; "
    "it is about a family by the sea; I read the book last year; it opened in three cities last week; "
    "my brother had two tickets; it is based on a true story; there are five songs in it; it takes place in winter; "
    "the book has three hundred pages; I expected a war film; the lead actor is new to me; a friend lent it to me; "
    "it was shown at the festival in spring; the story begins in a harbor; I did not know what to expect; "
    "it tells of two brothers and a farm; we talked about it all evening; I knew nothing about it before; "
    "I watched it late at night; it is the second film of the director; I have seen the first one too"
)
"""Sentences that say nothing about how good something is."""

HOPES: tuple[str, ...] = _phrases(
    "make me laugh; feed my soul; blow my mind; warm my heart; carry me away; keep me awake; tell me something new; "
    "change my life; teach me something; surprise me; make me think; fill the evening; follow the book; last so long"
)
"""What a viewer may have expected; that says nothing about what came."""

INTENSIFIERS: tuple[str, ...] = _words(
    "very really truly quite so simply deeply utterly rather pretty entirely absolutely completely surprisingly "
    "extremely incredibly"
)
"""Words that make an adjective stronger, or at least longer."""
