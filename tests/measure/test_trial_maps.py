"""What a trial says about its attention maps is what an encoding holds."""

import pytest

from featcore.measure.trial import attention_bytes, own


@pytest.mark.parametrize("name", ["bert", "vit", "videomae", "gpt2", "swin"])
def test_bytes_of_attention_maps_are_those_of_an_encoding(cases, name):
    encoder = cases(name).encoder
    trial = own(encoder)
    if name == "swin":
        assert attention_bytes(trial) is None, "windows see no whole map"
        return
    from featcore.inputs.samples import first_for

    kept = encoder.encode(encoder.prepare(first_for(encoder.card))).attention
    assert attention_bytes(trial) == kept.nbytes
    assert attention_bytes(trial.repeated(3)) == 3 * kept.nbytes
