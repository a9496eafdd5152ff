"""The flat program: its operations, lowering, derivatives and emitters."""
