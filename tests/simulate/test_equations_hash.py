"""A calibration belongs to equations, not to the places of boxes on a sketch."""

import cluster_sd as csd

EQUATIONS = """{UTF-8}
Stock= INTEG ( -Drain, 10) ~ unit ~ ~|
Drain= 0.1*Stock ~ unit/year ~ ~|
INITIAL TIME = 0 ~ year ~ ~|
FINAL TIME = 1 ~ year ~ ~|
TIME STEP = 0.5 ~ year ~ ~|
SAVEPER = 0.5 ~ year ~ ~|

"""
SKETCH = (
    "\\\\\\---/// Sketch information - do not modify anything except names\n"
    "V300\n*View 1\n10,1,Stock,{x},100,40,20,3,3,0,0,0,0,0,0\n"
)


def hashes(tmp_path, text):
    path = tmp_path / "model.mdl"
    path.write_text(text, encoding="utf-8")
    model = csd.load(path)
    return model.hash, model.equations_hash


def test_moving_a_box_changes_the_files_hash_and_not_the_equations(tmp_path):
    here, there = (hashes(tmp_path, EQUATIONS + SKETCH.format(x=x)) for x in (100, 200))
    assert here[0] != there[0] and here[1] == there[1]
    assert hashes(tmp_path, EQUATIONS)[1] == here[1], "a file without a sketch has the same equations"


def test_changing_an_equation_changes_both(tmp_path):
    before, after = (hashes(tmp_path, EQUATIONS.replace("0.1", value) + SKETCH) for value in ("0.1", "0.2"))
    assert before[0] != after[0] and before[1] != after[1]


def test_another_method_of_integration_is_another_model(tmp_path):
    euler, heun = (hashes(tmp_path, EQUATIONS + SKETCH + f"///---\\\\\\\n15:0,0,0,{n}\n") for n in (0, 4))
    assert euler[1] != heun[1]
