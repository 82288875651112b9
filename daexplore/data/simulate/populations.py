"""Galaxy populations: sizes, colours, companions and merger stages at a redshift."""

from dataclasses import dataclass

__all__ = ["DISTANT", "ILLUSTRIS", "SLOAN", "Colours", "Population"]

Range = tuple[float, float]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Colours:
    """Magnitudes of stellar populations in three bands less that in the reference band, typical
    value and scatter.

    Attributes:
        reference: number of the reference band.
        old: bulges and haloes.
        disc: discs.
        young: star-forming clumps and arms.
        any: galaxies at another redshift, and stars.
        scatters: of old, disc, young and any [mag].
        scatter: how much each band takes part in that scatter; 0 in the reference band.
        total: those of all light within a stamp, and their scatter, in each band.
    """

    reference: int
    old: Triple
    disc: Triple
    young: Triple
    any: Triple
    scatters: tuple[float, float, float, float]
    scatter: Triple
    total: tuple[Triple, Triple]

    def of(self, population: str) -> tuple[Triple, float]:
        """Typical colours and scatter of "old", "disc", "young" or "any" light."""
        return (
            getattr(self, population),
            self.scatters[("old", "disc", "young", "any").index(population)],
        )


@dataclass(frozen=True)
class Population:
    """Where galaxies of a sample differ from those of another.

    Attributes:
        colours: of their light.
        redshift: at which their scenes are drawn; they can be moved from there.
        kpc_per_arcsec: at that redshift.
        scale_lengths: range of the discs' [kpc], uniform in the logarithm.
        elliptical: share of galaxies that are nearly all bulge.
        bulges: range of the share of light in the bulge of the others.
        clumpy: share of discs with giant star-forming clumps.
        clump_light: range of a clump particle's light relative to one of the disc.
        neighbour: share of the views of undisturbed galaxies with a projected neighbour, half of
            them in colours of another redshift.
        separation: range of its projected distance [kpc].
        star: share of the views with a foreground star, 0.5 to 4 magnitudes fainter than the
            galaxy.
        star_distance: largest distance of that star from the centre [arcsec].
        jitter: standard deviation of the centring [arcsec].
        time: range of the time since pericentre at which mergers are seen, in units of their discs'
            dynamical time.
        approaching: share of mergers seen shortly before pericentre.
        mass_ratio: range of the secondary's over the primary's.
        pericentre: range, in scale lengths.
    """

    colours: Colours
    redshift: float
    kpc_per_arcsec: float
    scale_lengths: Range
    elliptical: float
    bulges: Range
    clumpy: float
    clump_light: Range
    neighbour: float
    separation: Range
    star: float
    star_distance: float
    jitter: float
    time: Range
    approaching: float
    mass_ratio: Range
    pericentre: Range


# F814W, F356W and F160W magnitudes less F160W. About the rest-frame ultraviolet to optical colours
# of old and star-forming populations at z ~ 1.5 to 2 (e.g. Williams et al. 2009, ApJ 691, 1879);
# only differences within a stamp survive, because the stamp's total colours are drawn apart from
# its contents.
_DISTANT_COLOURS = Colours(
    reference=2,
    old=(1.5, -0.45, 0.0),
    disc=(0.7, -0.15, 0.0),
    young=(0.0, 0.2, 0.0),
    any=(0.6, 0.0, 0.0),
    scatters=(0.25, 0.25, 0.2, 0.6),
    scatter=(1.0, 0.5, 0.0),
    total=((0.9, -0.2, 0.0), (0.35, 0.25, 0.0)),
)

# kpc an arcsec: at redshift 1.5 to 2 in the cosmology of Planck Collaboration XIII (2016, A&A 594,
# A13), where it hardly varies. Scale lengths: massive discs at z ~ 2 (van der Wel et al. 2014, ApJ
# 788, 28).
DISTANT = Population(
    colours=_DISTANT_COLOURS,
    redshift=1.75,
    kpc_per_arcsec=8.4,
    scale_lengths=(1.5, 3.0),
    elliptical=0.1,
    bulges=(0.05, 0.45),
    clumpy=0.4,
    clump_light=(1.5, 4.0),
    neighbour=0.45,
    separation=(4.0, 18.0),
    star=0.12,
    star_distance=2.16,
    jitter=0.042,
    time=(1.5, 22.0),
    approaching=0.08,
    mass_ratio=(0.25, 1.0),
    pericentre=(0.8, 4.0),
)

# g, r and i magnitudes less r of early types, discs and star-forming regions (Fukugita, Shimasaku &
# Ichikawa 1995, PASP 107, 945).
_NEARBY_COLOURS = Colours(
    reference=1,
    old=(0.78, 0.0, -0.39),
    disc=(0.52, 0.0, -0.26),
    young=(0.1, 0.0, 0.0),
    any=(0.75, 0.0, -0.35),
    scatters=(0.08, 0.1, 0.1, 0.35),
    scatter=(1.0, 0.0, 0.5),
    total=((0.62, 0.0, -0.32), (0.13, 0.0, 0.06)),
)

# Galaxies of the Illustris simulation as its mock SDSS images show them: placed at redshift 0.05,
# without fore- or background (Torrey et al. 2015, MNRAS 447, 2753). Illustris discs are larger than
# those observed at the same mass (Snyder et al. 2015, MNRAS 454, 1886) and its galaxies have too
# little light in bulges (Bottrell et al. 2017, MNRAS 467, 2879). Mergers are those of the merger
# tree in the last 250 Myr, whatever they look like.
ILLUSTRIS = Population(
    colours=_NEARBY_COLOURS,
    redshift=0.05,
    kpc_per_arcsec=1.01,
    scale_lengths=(2.0, 4.5),
    elliptical=0.1,
    bulges=(0.02, 0.25),
    clumpy=0.4,
    clump_light=(0.4, 1.2),
    neighbour=0.12,
    separation=(6.0, 18.0),
    star=0.0,
    star_distance=0.0,
    jitter=0.1,
    time=(3.0, 14.0),
    approaching=0.0,
    mass_ratio=(0.25, 1.0),
    pericentre=(0.8, 3.0),
)

# Galaxies of the SDSS main sample: sizes from Shen et al. (2003, MNRAS 343, 978), bulges from
# Simard et al. (2011, ApJS 196, 11), close pairs from Patton & Atfield (2008, ApJ 685, 235).
# Mergers are those that people found: major (1:3, Darg et al. 2010, MNRAS 401, 1043) and strongly
# disturbed, that is close passages seen after the first tails have grown.
SLOAN = Population(
    colours=_NEARBY_COLOURS,
    redshift=0.05,
    kpc_per_arcsec=1.01,
    scale_lengths=(1.6, 4.0),
    elliptical=0.3,
    bulges=(0.05, 0.5),
    clumpy=0.25,
    clump_light=(0.4, 1.2),
    neighbour=0.08,
    separation=(8.0, 30.0),
    star=0.0,
    star_distance=0.0,
    jitter=0.1,
    time=(5.0, 26.0),
    approaching=0.0,
    mass_ratio=(0.33, 1.0),
    pericentre=(0.8, 2.5),
)
