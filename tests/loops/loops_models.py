"""Small models whose loops are known, and link scores by name."""

from __future__ import annotations

import numpy as np

from cluster_sd.loops import Link, LoopAnalysis

#: Bass diffusion as Schoenberg, Davidsen and Eberlein (2020) give it: 1,000,000 people, one adopter, contact rate 100,
#: adoption fraction 0.015, times 0 to 15 in steps of 1/16.
BASS = (
    "Potential adopters= INTEG(-adopting, 999999)",
    "Adopters= INTEG(adopting, 1)",
    "adopting= adoption from word of mouth",
    "adoption from word of mouth= potentials contacts with adopters*adoption fraction",
    "adoption fraction= 0.015",
    "potentials contacts with adopters= probability of contact with potentials*adopter contacts",
    "adopter contacts= Adopters*contact rate",
    "contact rate= 100",
    "probability of contact with potentials= Potential adopters/market size",
    "market size= 1e6",
)
#: The three-party arms race of Eberlein and Schoenberg (2020); each wants the mean of what it wants of the other two.
ARMS_RACE = (
    "A= INTEG(A changing, 50)",
    "B= INTEG(B changing, 100)",
    "C= INTEG(C changing, 150)",
    "A changing= (A target-A)/adjustment",
    "B changing= (B target-B)/adjustment",
    "C changing= (C target-C)/adjustment",
    "A target= (B+0.9*C)/2",
    "B target= (A+1.1*C)/2",
    "C target= (1.1*A+0.9*B)/2",
    "adjustment= 10",
)
#: Logistic growth: one stock, a reinforcing and a balancing loop.
LOGISTIC = (
    "Population= INTEG(net birth rate, 5)",
    "net birth rate= fractional growth rate*Population",
    "fractional growth rate= 0.12*(1-fraction used)",
    "fraction used= Population/1000",
)
#: Predators and prey: four loops, two stocks.
PREDATORS = (
    "Hares= INTEG(hare births-hare deaths, 5)",
    "hare births= 0.5*Hares",
    "hare deaths= 0.1*Hares*Lynxes",
    "Lynxes= INTEG(lynx births-lynx deaths, 3)",
    "lynx births= 0.05*Hares*Lynxes",
    "lynx deaths= 0.4*Lynxes",
)
#: An epidemic; the population stays the same, by sums that round.
EPIDEMIC = (
    "Susceptible= INTEG(-infection, 0.9)",
    "Infected= INTEG(infection-recovery, 0.1)",
    "Recovered= INTEG(recovery, 0)",
    "population= Susceptible+Infected+Recovered",
    "infection= 2*Susceptible*Infected/population",
    "recovery= Infected/3",
)
#: The yeast and alcohol model as in Schoenberg, Davidsen and Eberlein (2020), in steps of 1/2. The paper prints
#: b1 = 16, with which all phases come 6 % later than it says; with 15 they come when it says.
YEAST = (
    "C= INTEG(B-D, 1)",
    "A= INTEG(alcohol made, 0)",
    "alcohol made= p*C",
    "B= C*(1.1-0.1*A)/b1",
    "D= C*EXP(A-11)/d1",
    "b1= 15",
    "d1= 30",
    "p= 0.01",
)
#: Inventory and workforce, an oscillation: goal seeking with a delay that is a stock.
WORKFORCE = (
    "Inventory= INTEG(production-shipments, 400)",
    "production= Workforce*productivity",
    "shipments= 100+STEP(20, 3)",
    "Workforce= INTEG(hiring, 10)",
    "hiring= (desired workforce-Workforce)/hiring time",
    "desired workforce= desired production/productivity",
    "desired production= 100+(desired inventory-Inventory)/correction time",
    "desired inventory= 400",
    "productivity= 10",
    "hiring time= 5",
    "correction time= 4",
)
#: A cup of tea that cools.
TEACUP = ("Tea= INTEG(-loss, 180)", "loss= (Tea-70)/10")
#: A pendulum, with a function that is no polynomial.
PENDULUM = (
    "Angle= INTEG(turning, 1)",
    "turning= Speed",
    "Speed= INTEG(pull, 0)",
    "pull= -SIN(Angle)-friction",
    "friction= 0.1*Speed",
)
#: Food and people: a table, a minimum and a choice.
FAMINE = (
    "People= INTEG(births-deaths, 10)",
    "births= People*0.05",
    "deaths= People*mortality",
    "mortality= effect of food(food each)",
    "effect of food((0,0.3),(0.5,0.1),(1,0.03),(2,0.02),(4,0.015))",
    "food each= harvest/People",
    "Soil= INTEG(recovery-wear, 100)",
    "recovery= IF THEN ELSE(Soil < 60, 0.5, 3-0.02*Soil)",
    "wear= 0.02*harvest",
    "harvest= MIN(Soil*0.3, People*1.5+1)",
)
#: Three tanks in a row with a pump back.
TANKS = (
    "First= INTEG(pumped-one, 10)",
    "Second= INTEG(one-two, 0)",
    "Third= INTEG(two-pumped, 0)",
    "one= 0.4*First^0.5",
    "two= 0.3*Second",
    "pumped= 0.2*Third*Third/(1+Third)",
)
#: Roessler's chaos.
ROESSLER = (
    "X= INTEG(dx, 0.5)",
    "Y= INTEG(dy, 0.5)",
    "Z= INTEG(dz, 0.4)",
    "dx= -Y-Z",
    "dy= X+0.2*Y",
    "dz= 0.2+Z*(X-5.7)",
)


def link_score(analysis: LoopAnalysis, source: str, target: str) -> np.ndarray:
    """Score of one link over time."""
    return analysis.link_scores[:, analysis.links.index(Link(source, target))]


def through(analysis: LoopAnalysis, *names: str) -> int:
    """Number of the one loop that runs through exactly these variables."""
    (found,) = (i for i, loop in enumerate(analysis.loops) if set(loop.variables) == set(names))
    return found
