"""One file per regressor whose fitted models can be evaluated without Python, with ``portable(model)``.

It returns the model's parameters as JSON values, exact to the last bit. Mixtures of the runs that a model was fitted
to are not among them: all models of a fit share them. A regressor without a file here has no portable form. They lie
apart from the regressors so that editing a page's input refits no model.
"""
