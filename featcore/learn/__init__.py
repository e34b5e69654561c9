"""Data become small encoders: one recipe an encoder, one loop for all of them."""

from featcore.learn import image, text, video
from featcore.learn.loop import evaluate, train
from featcore.learn.recipe import RECIPES, Recipe

__all__ = ["RECIPES", "Recipe", "evaluate", "image", "text", "train", "video"]
