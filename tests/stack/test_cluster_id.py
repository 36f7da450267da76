"""A new Kafka cluster's id is one that Kafka's tools take."""

from infra.stack.kafka import new_cluster


def test_no_id_begins_like_an_option() -> None:
    ids = {new_cluster() for _ in range(2_000)}
    assert len(ids) == 2_000
    assert not [one for one in ids if one.startswith("-")]
    assert {len(one) for one in ids} == {22}
