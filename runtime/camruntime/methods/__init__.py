"""Saliency methods, one file each. Importing a method's module registers it."""

from camruntime.methods._registry import (
    BASELINES,
    HELPERS,
    METHODS,
    NAMED,
    RELATIVE,
    Method,
    checked_method,
    choices,
    make_method,
    method_of,
    name_of,
    options_of,
    preferred,
    register,
    register_helper,
    spec_of,
    unit_of,
)
from camruntime.methods._run import run_method
from camruntime.methods.ablation_cam import AblationCAM
from camruntime.methods.anytime_score_cam import AnytimeScoreCAM
from camruntime.methods.augment import Augment
from camruntime.methods.baselines import CentreGaussian, EdgesOnly, Random, Uniform
from camruntime.methods.cam import CAM
from camruntime.methods.decom_cam import DecomCAM
from camruntime.methods.eigen_cam import EigenCAM
from camruntime.methods.eigen_grad_cam import EigenGradCAM
from camruntime.methods.evet import Evet
from camruntime.methods.feature_cam import FeatureCAM
from camruntime.methods.grad_cam import GradCAM
from camruntime.methods.grad_cam_plus_plus import GradCAMPlusPlus
from camruntime.methods.group_cam import GroupCAM
from camruntime.methods.hires_cam import HiResCAM
from camruntime.methods.integrated_grad_cam import IntegratedGradCAM
from camruntime.methods.is_cam import ISCAM
from camruntime.methods.layer_cam import LayerCAM
from camruntime.methods.layers import LayerFusion
from camruntime.methods.recipro_cam import ReciproCAM
from camruntime.methods.rise import RISE
from camruntime.methods.score_cam import ScoreCAM
from camruntime.methods.score_cam_plus_plus import ScoreCAMPlusPlus
from camruntime.methods.sess import Sess
from camruntime.methods.smooth import Smooth
from camruntime.methods.smooth_grad_cam_plus_plus import SmoothGradCAMPlusPlus
from camruntime.methods.ss_cam import SSCAM
from camruntime.methods.wgrad_cam import WGradCAM
from camruntime.methods.xgrad_cam import XGradCAM

__all__ = [
    "BASELINES",
    "CAM",
    "HELPERS",
    "ISCAM",
    "METHODS",
    "NAMED",
    "RELATIVE",
    "RISE",
    "SSCAM",
    "AblationCAM",
    "AnytimeScoreCAM",
    "Augment",
    "CentreGaussian",
    "DecomCAM",
    "EdgesOnly",
    "EigenCAM",
    "EigenGradCAM",
    "Evet",
    "FeatureCAM",
    "GradCAM",
    "GradCAMPlusPlus",
    "GroupCAM",
    "HiResCAM",
    "IntegratedGradCAM",
    "LayerCAM",
    "LayerFusion",
    "Method",
    "Random",
    "ReciproCAM",
    "ScoreCAM",
    "ScoreCAMPlusPlus",
    "Sess",
    "Smooth",
    "SmoothGradCAMPlusPlus",
    "Uniform",
    "WGradCAM",
    "XGradCAM",
    "checked_method",
    "choices",
    "make_method",
    "method_of",
    "name_of",
    "options_of",
    "preferred",
    "register",
    "register_helper",
    "run_method",
    "spec_of",
    "unit_of",
]
