"""Letters used for axes throughout.

B  batch, examples that are processed together
T  time, tokens of a sequence (padding included)
D  width of the residual stream (``hidden_size``)
E  width of the embedding (``embedding_size``)
F  width of the feed-forward (``intermediate_size``)
H  hidden units of one recurrent direction
G  gates of a recurrent cell (rnn 1, mingru 2, gru 3, minlstm 3, lstm 4)
N  attention heads
K  size of one head
V  vocabulary
C  classes
R  replicates of the whole procedure
U  test units
"""
