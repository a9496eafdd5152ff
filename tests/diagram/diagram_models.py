"""Models that the tests of diagrams draw."""

from __future__ import annotations

CONTROL = """
INITIAL TIME= 0
	~	year
	~	|
FINAL TIME= 10
	~	year
	~	|
TIME STEP= 0.25
	~	year
	~	|
SAVEPER= 1
	~	year
	~	|
"""


def entry(equation: str, unit: str = "dmnl", documentation: str = "") -> str:
    """One entry of a Vensim file."""
    return f"{equation}\n\t~\t{unit}\n\t~\t{documentation}\n\t|\n\n"


def banner(group: str) -> str:
    """The head of a group."""
    stars = "*" * 56
    return f"{stars}\n\t.{group}\n{stars}~\n\t\t{group}\n\t|\n\n"


PEOPLE = (
    banner("People")
    + entry("Births= Population*Birth rate", "person/year")
    + entry("Deaths= Population/Lifetime*Crowding", "person/year")
    + entry("Population= INTEG(Births - Deaths, Initial population)", "person", "Everybody <here> & now.")
    + entry("Birth rate= 0.04", "1/year")
    + entry("Lifetime= 50", "year")
    + entry("Initial population= 1000", "person")
    + banner("Land")
    + entry("Land= INTEG((Wanted land - Land)/Clearing time - Land*Loss rate, 500)", "ha")
    + entry("Wanted land= SMOOTH(Population, 3)*Land per head", "ha")
    + entry("Land per head= 1", "ha/person")
    + entry("Clearing time= 4", "year")
    + entry("Loss rate= 0.01", "1/year")
    + entry("Crowding= WITH LOOKUP(Population/Land, ([(0,0)-(10,10)],(0,0.5),(2,1),(10,4)))")
    + entry("Wave= SIN(Population/100)")
    + banner("Control")
    + CONTROL
)

SETTINGS = ":L\x7f<%^E!@\n1:Current.vdf\n15:0,0,0,4,0,0\n"
