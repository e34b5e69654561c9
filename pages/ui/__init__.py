"""What pages share; the only helpers that know Streamlit. Pages write `from pages import ui`."""

from pages.ui.agreeing import show_agreement, show_pairs_agreeing
from pages.ui.cached import drawn, encoded, explained, read_source, timed
from pages.ui.choose import pick_comparison, pick_encoder, pick_input, pick_kind, pick_preset, pick_target
from pages.ui.heads import head_statistics, show_gaze, show_heads, show_map, show_size
from pages.ui.methods import pick_methods, pick_one, show_methods, show_ranking
from pages.ui.model import show_model
from pages.ui.pairs import show_pairs
from pages.ui.pane import Pane
from pages.ui.scaling import pick_sweep, show_scaling
from pages.ui.shared import (
    STAGES_HELP,
    row,
    show_attention,
    show_attributions,
    show_concentration,
    show_costs,
    show_cuts,
    show_link,
    show_stages,
    show_table,
)
from pages.ui.show import escape, figure, friendly_errors, notes, provenance
from pages.ui.similarity import pick_pair, say_how_to_get_two_towers, show_pair
from pages.ui.timing import download_all, download_one, pick_stage, pick_timing, timed_all
from pages.ui.training import show_run, start_run
from pages.ui.trust import (
    check_methods,
    judged_all,
    pick_judging,
    show_checks,
    show_judged_curves,
    show_judging,
    show_verdicts,
)
from pages.ui.truth import show_marked, show_shipped_trust
from pages.ui.units import (
    cut_units,
    pick_cut,
    pick_opacity,
    pick_unit,
    show_cut,
    show_tokens,
    show_unit,
    tokenizer_names,
    tokens,
)
from pages.ui.wishes import pick_wish
from pages.ui.words import (
    pick_words,
    read_words,
    show_readings,
    show_variants,
    show_word_conditions,
    show_words,
    show_work,
)
