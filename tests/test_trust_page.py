"""The page Trust judges what a person chose, with the floors beside it, and says what it cannot say."""

import numpy as np

from featcore.explain import METHODS
from tests.test_pages import ROOT, open_page, texts

PAGE = ROOT / "pages/2_explain/trust.py"


def judged(app):
    """The table of the person's own input; above it stands that of the shipped runs."""
    return next(each.value for each in app.dataframe if "Centre floor" in each.value.index)


def checks(app):
    """The tables of the long checks: none before somebody asks, one afterwards."""
    return [each.value for each in app.dataframe if "Max-sensitivity ↓" in each.value.columns]


def test_both_floors_are_judged_beside_whatever_is_chosen_and_every_number_is_defined():
    app = open_page(PAGE, u_methods=["occlusion"], u_maps=5)
    assert not app.exception
    assert not app.error
    table = judged(app)
    assert list(table.index) == [
        "Occlusion",
        "Centre floor",
        "Random floor, mean of 5",
        "95 % interval of that mean, from",
        "95 % interval of that mean, to",
        "Random floor, best of 5",
    ]
    mean, best = (table.loc[f"Random floor, {which} of 5"] for which in ("mean", "best"))
    assert best["Deletion ↓"] <= mean["Deletion ↓"]
    assert best["Insertion ↑"] >= mean["Insertion ↑"]
    low, high = (table.loc[f"95 % interval of that mean, {end}"] for end in ("from", "to"))
    for column in ("Deletion ↓", "MoRF ↑", "LeRF ↓", "Infidelity, share ↓"):
        assert low[column] < mean[column] < high[column]
    between = table["MoRF ↑"] - table["LeRF ↓"]
    assert np.allclose((between - table["ABPC ↑"])[["Occlusion", "Centre floor"]], 0)
    assert table.loc["Occlusion", "Passes ↓"] > 0
    defined = {each.value.split("**")[1] for each in app.markdown if each.value.startswith("**")}
    defined |= {each.value.split("(")[1].split(",")[0] for each in app.markdown if each.value.startswith("**")}
    assert {column.rstrip(" ↓↑") for column in table.columns} <= defined
    said = texts(app)
    assert "hidden units become" in said
    assert "not promised by the method" in said
    assert "one random map in 6 would do so" in said


def test_the_checks_wait_for_the_button_and_stay_when_the_page_runs_again():
    app = open_page(PAGE, u_methods=["saliency"], u_maps=5)
    assert not checks(app), "nothing is checked before somebody asks"
    app.button(key="u_check").click().run()
    assert not app.exception
    assert not app.error
    (table,) = checks(app)
    assert table.loc["Centre floor", "Max-sensitivity ↓"] == 0
    assert np.isclose(table.loc["Centre floor", "Randomisation gate ↓"], 1)
    assert table.loc[METHODS["saliency"].title, "Max-sensitivity ↓"] > 0
    said = texts(app)
    assert "Centre floor fails" in said
    assert "mean of all 5" in said
    app.run()
    assert len(checks(app)) == 1


def test_no_method_at_all_leaves_the_floors():
    app = open_page(PAGE, u_methods=[], u_maps=5)
    assert not app.exception
    assert not app.error
    assert judged(app).index[0] == "Centre floor"
    assert "Choose at least one method to compare" in texts(app)


def test_a_class_rather_than_another_is_judged_as_on_the_page_of_attributions():
    app = open_page(PAGE, u_methods=["occlusion"], u_maps=5)
    app.selectbox(key="u_target").set_value("class").run()
    of, against = (box.key for box in app.selectbox if box.key.startswith(("u_class_", "u_against_")))
    app.selectbox(key=of).set_value("positive").run()
    app.selectbox(key=against).set_value("negative").run()
    assert not app.exception
    assert not app.error
    said = texts(app).replace("\\", "")
    assert "F is the probability of 'positive';" in said
    assert "Explained is the difference of 'positive less negative'." in said


def test_agreement_is_readable_without_hovering_with_its_null_and_chance_and_attention_first():
    app = open_page(PAGE, u_methods=["occlusion", "saliency", "attention_rollout"], u_maps=5)
    assert not app.exception
    table = next(each.value for each in app.dataframe if "By chance" in each.value.columns)
    assert len(table) == 4 * 3 / 2
    assert (table["Pair of"][:2] == "attention with attribution").all()
    assert table["Shifted, 95 %"].str.fullmatch(r"-?\d\.\d\d to -?\d\.\d\d").all()
    assert ((table["By chance"] > 0) & (table["By chance"] < 0.5)).all()
    assert table["rho"].abs().max() <= 1
    assert "Low agreement is the normal case" in texts(app)
