"""Glossary terms: methods, images and surveys."""

from daexplore.app.glossary.terms import Term
from daexplore.methods import METHODS

__all__ = ["METHOD_CHAPTERS", "METHOD_TERMS"]

METHOD_CHAPTERS = ("Methods", "Images and surveys")

_METHODS, _IMAGES = METHOD_CHAPTERS

METHOD_TERMS = (
    *(
        # "oracle" itself is explained among the domains.
        Term(
            "oracle run" if method.name == "oracle" else method.label,
            _METHODS,
            method.summary,
            method.formula,
            method.reference,
            method.name,
        )
        for method in METHODS.values()
    ),
    Term(
        "transfer",
        _METHODS,
        "A training that starts from the weights of another run, with its preprocessing, instead of"
        " from chance.",
    ),
    Term(
        "weight λ",
        _METHODS,
        "Factor of the alignment loss relative to the task loss; at 0 a method is noDA bit for"
        " bit.",
        "loss = task + λ · alignment",
    ),
    Term(
        "PSF",
        _IMAGES,
        "Point spread function: the image of a point source through telescope and atmosphere; its"
        " width is given as full width at half maximum.",
        "FWHM = √(8 ln 2) σ ≈ 2.355 σ of a Gaussian",
        "",
        "psf",
    ),
    Term(
        "depth",
        _IMAGES,
        "How faint an image still shows: here the sky noise of a pixel, in units of the survey's"
        " own.",
        "",
        "",
        "depth",
    ),
    Term(
        "pixel scale",
        _IMAGES,
        "The side of a pixel on the sky; a coarser one holds more light and less shape.",
        "arcsec per pixel",
        "",
        "pixel",
    ),
    Term(
        "redshift",
        _IMAGES,
        "How far away a galaxy is seen: farther ones are smaller, fainter, and observed at bluer"
        " wavelengths of their own.",
        "1 + z = observed wavelength / emitted wavelength",
        "",
        "redshift",
    ),
    Term(
        "stretch",
        _IMAGES,
        "Flux spans decades: the asinh stretch is linear in the noise and logarithmic in bright"
        " cores, so that tidal tails are seen.",
        "asinh(x / (softening · noise))",
        "Lupton et al. 2004, PASP 116, 133",
        "stretch",
    ),
    Term(
        "normalisation",
        _IMAGES,
        "Each band brought to mean 0 and deviation 1, by numbers of the training images alone.",
        "(x − mean) / deviation",
        "",
        "normalise",
    ),
    Term(
        "band",
        _IMAGES,
        "The filter through which an image was taken; the channels of both domains are matched by"
        " its name.",
        "",
        "",
        "bands",
    ),
    Term(
        "background",
        _IMAGES,
        "The light of the sky, taken away as the border of each image shows it.",
        "median of the border, outliers clipped",
        "",
        "background",
    ),
)
