"""Dead letters as people see them: listed, shown, stored for a while, put back."""

from __future__ import annotations

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import RAW, Record
from tests.pipeline.worker import until


async def test_a_dead_letter_is_listed_stored_and_put_back_as_it_was(
    make_pipeline: MakePipeline,
) -> None:
    """Its original bytes and headers, in the partition that it came from; each once."""
    pipeline = make_pipeline()
    await pipeline.create_topics()
    bad = Record(b"\xff", b"rubbish \xfe", 2, headers=(("trace", b"1"),))
    [taken] = await pipeline.produce(RAW, [bad])
    name = f"{RAW}:2:{taken.offset}"
    pipeline.start()
    await pipeline.until_processed(RAW)

    async def stored() -> list[str]:
        return sorted(await pipeline.documents("dead_letters"))

    assert await until("it is in the database", stored) == [name]
    document = (await pipeline.documents("dead_letters"))[name]
    assert (document["stage"], document["class"]) == ("process", "MalformedJson")
    assert document["value"] == {"base64": "cnViYmlzaCD+"}
    assert (document["expires_at"] - document["at"]).days == 30
    [listed] = pipeline.command("dead-letters", "list", "--class", "MalformedJson")["dead_letters"]
    assert listed["id"] == name
    assert pipeline.command("dead-letters", "show", name) == listed
    assert "no dead letter" in pipeline.command("dead-letters", "show", f"{RAW}:0:0", code=1)

    assert pipeline.command("dead-letters", "replay", name) == {"replayed": [name]}

    [first, again] = await pipeline.read(RAW)
    assert (again.partition, again.key, again.value) == (2, bad.key, bad.value)
    assert again.headers == first.headers
    # It is as bad as it was.
    both = [name, f"{RAW}:2:{again.offset}"]

    async def stored_again() -> bool:
        return await stored() == both

    await until("it has become a dead letter once more", stored_again)
